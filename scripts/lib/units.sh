# shellcheck shell=bash
# Units of kubelet and containerd: files in place of those of packages, and drop-ins, which owners of machines write.
# Needs: lib/containerd.sh
. "$LIBRARY/lib/containerd.sh"

# replaced_units: files that take the place of a unit of a package, one a line.
replaced_units() {
  local unit
  for unit in {/etc,/run,/usr/local/lib}/systemd/system/{containerd,kubelet}.service; do
    # A unit that is masked is a link, too.
    [[ ! -e $unit && ! -L $unit ]] || echo "$unit"
  done
}

# drop_ins SERVICE: files of its drop-ins in the order in which systemd reads them: by name. Of files with one name systemd
# reads the first.
drop_ins() {
  local path
  for path in {/etc,/run,/usr/local/lib}/systemd/system/"$1.service.d"/*.conf \
    /usr/lib/systemd/system/"$1.service.d"/*.conf; do
    [[ ! -e $path || -d $path ]] || printf '%s\t%s\n' "${path##*/}" "$path"
  done | sort --field-separator=$'\t' --key=1,1 --unique | cut --fields=2
}

# settings_in FILE...: each setting without its quotes, behind the file and a tab. A backslash at the end of a line joins it
# with the next one.
settings_in() {
  awk '
    FNR == 1 { setting = "" }
    /^[[:space:]]*[#;]/ { next }
    { setting = setting $0 }
    sub(/\\$/, " ", setting) { next }
    {
      gsub(/["\047]/, "", setting)
      sub(/^[[:space:]]+/, "", setting)
      sub(/[[:space:]]*=[[:space:]]*/, "=", setting)
      print FILENAME "\t" setting
      setting = ""
    }
  ' "$@"
}

# settings_of SERVICE: the settings of its drop-ins, in their order.
settings_of() {
  local found paths
  found=$(drop_ins "$1")
  mapfile -t paths <<<"$found"
  [[ -z $found ]] || settings_in "${paths[@]}"
}

# other_program COMMAND NAME: the program with this name that a command line starts, unless it is that of a package.
other_program() {
  local word words
  read -ra words <<<"${1#"${1%%[!-@:+|!]*}"}" # without the signs that systemd reads before a program
  for word in "${words[@]}"; do
    case $word in
      -* | \$* | /usr/bin/"$2" | /bin/"$2") return ;;
      */"$2") echo "$word" && return ;;
    esac
  done
}

# overriding_containerd: what a drop-in starts as containerd but the program of the package with the configuration of the
# stack, and the file that says so.
overriding_containerd() {
  local settings path='' setting command='' from program configuration
  settings=$(settings_of containerd)
  while IFS=$'\t' read -r path setting; do
    [[ $setting != ExecStart=?* ]] || command=${setting#*=} from=$path
  done <<<"$settings"
  program=$(other_program "$command" containerd)
  configuration=$(sed --quiet --regexp-extended 's/.*[[:space:]](-c|--config)[=[:space:]]+([^[:space:]]+).*/\2/p' <<<"$command")
  [[ -z $program && (-z $configuration || $configuration == "$CONTAINERD_CONFIG") ]] || echo "$command in $from"
}
