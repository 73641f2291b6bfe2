# shellcheck shell=bash
# Kernel modules and sysctls of this machine, for the steps that set them and the steps that compare them.

# module_is_there MODULE: the function of a module may be built into the kernel; then there is nothing to load. A module that
# is built in has no directory below /sys/module if it has no parameters; the kernel lists its functions under its name.
module_is_there() {
  case $1 in
    overlay) grep --quiet --word-regexp overlay /proc/filesystems ;;
    br_netfilter) [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] ;;
    *) [[ -d /sys/module/$1 ]] || grep --quiet --no-messages " $1_" /proc/kallsyms ;;
  esac
}

# bars_of MODULE: settings of modprobe that keep a boot from loading the module, as hardening guides have them. With /bin/true
# as its command modprobe loads nothing and succeeds. A module of the blacklist is loaded by modprobe with its name, but not by
# a boot. A module that is built in needs no loading.
bars_of() {
  local bars
  bars=$(modprobe --showconfig | awk -v module="$1" '
    $2 == module && ($1 == "blacklist" || $1 == "install" && $3 ~ "(^|/)(true|false)$")')
  [[ -z $bars ]] || modprobe --ignore-install --show-depends "$1" 2>/dev/null | grep '^builtin ' >/dev/null ||
    printf '%s' "$bars"
}

# sysctl_file NAME: the file of the sysctl. A `/` in the name stands for a dot in the name of a network card.
sysctl_file() {
  printf /proc/sys/
  tr ./ /. <<<"$1"
}

sysctl_value() {
  local file
  file=$(sysctl_file "$1") || return 1
  tr --squeeze-repeats '[:space:]' ' ' <"$file" | sed 's/ $//'
}

SYSCTLS=/etc/sysctl.d/99-kubernetes.conf
# A boot reads the files of all directories by the order of their names, and the last one counts.
LAST_SYSCTLS=/etc/sysctl.d/zz-pulumi-kubeadm.conf

# wanted_sysctls: NAME=VALUE, one a line, of the staged file.
wanted_sysctls() { sed --quiet 's/ = /=/p' "$STAGING/files$SYSCTLS"; }

# stage_last_sysctls: stage a file that a boot reads last, if a file of others comes after that of the stack and has another
# value. Such a file is /etc/sysctl.conf: Debian has a link 99-sysctl.conf to it.
stage_last_sysctls() {
  local file name later=()
  is_staged "$SYSCTLS" || return 0
  for file in /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf; do
    name=${file##*/}
    if [[ -f $file && $name > ${SYSCTLS##*/} && $name != "${LAST_SYSCTLS##*/}" ]]; then later+=("$file"); fi
  done
  if ((${#later[@]} > 0)) && differ_in_sysctls "$STAGING/files$SYSCTLS" "${later[@]}"; then
    cp --preserve "$STAGING/files$SYSCTLS" "$STAGING/files$LAST_SYSCTLS"
  fi
}

# differ_in_sysctls FILE OTHER...: whether another file has another value for a setting of FILE. The first `.` or `/` of a name
# is its separator; the other character then stands for a dot. The kernel has two names for forwarding.
differ_in_sysctls() {
  awk '
    /^[[:space:]]*[#;]/ || !/=/ {next}
    {
      name = value = $0
      sub(/=.*/, "", name)
      gsub(/[[:space:]]|^[[:space:]]*-/, "", name)
      if (match(name, /[.\/]/) && substr(name, RSTART, 1) == ".") {
        gsub("/", " ", name)
        gsub(/[.]/, "/", name)
        gsub(" ", ".", name)
      }
      if (name == "net/ipv4/conf/all/forwarding") name = "net/ipv4/ip_forward"
      sub(/^[^=]*=[[:space:]]*/, "", value)
      gsub(/[[:space:]]+/, " ", value)
      sub(/ $/, "", value)
      if (NR == FNR) wanted[name] = value
      else if (name in wanted && wanted[name] != value) is_other = 1
    }
    END {exit !is_other}
  ' "$@"
}
