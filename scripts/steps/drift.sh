# shellcheck shell=bash
# Changes nothing. Prints a line, or a diff, for each file, sysctl, module, package and service that differs from what the last
# update left.
# Needs: API_HOST KEYRINGS KUBERNETES_VERSION MODULES ROLE; lib/backup.sh lib/containerd.sh lib/hosts_file.sh lib/kernel.sh
#   lib/keyrings.sh lib/kubeadm.sh lib/kubelet_arguments.sh lib/load_balancer.sh lib/packages.sh lib/release.sh
#   lib/serving_certificates.sh lib/swap.sh lib/units.sh lib/vip.sh lib/written.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/release.sh"
. "$LIBRARY/lib/keyrings.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/kernel.sh"
. "$LIBRARY/lib/kubelet_arguments.sh"
. "$LIBRARY/lib/hosts_file.sh"
. "$LIBRARY/lib/load_balancer.sh"
. "$LIBRARY/lib/vip.sh"
. "$LIBRARY/lib/backup.sh"
. "$LIBRARY/lib/serving_certificates.sh"
. "$LIBRARY/lib/swap.sh"
. "$LIBRARY/lib/units.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/kubelet.sh"
. "$LIBRARY/lib/written.sh"

differs() { printf '%s: expected %s, saw %s\n' "$1" "$2" "${3:-nothing}"; }

# show_difference NAME WANTED SEEN: status 1 of diff says that the files differ, 2 that one cannot be read.
show_difference() {
  diff --unified=1 --label "$1, as it should be" --label "$1, as it is" "$2" "$3" || (($? == 1))
}

# same_file PATH WANTED: compare a file with the file WANTED. Files with a password are not shown.
same_file() {
  if [[ ! -f $1 ]]; then
    differs "$1" "the file" "none"
  elif ! cmp --silent "$2" "$1"; then
    case $1 in
      "$REPOSITORY_PASSWORDS" | "$CRI_WITH_PASSWORDS" | "$REGISTRIES"/*)
        differs "$1" "what the last update wrote" "something else"
        ;;
      *) show_difference "$1" "$2" "$1" ;;
    esac
  else
    same_mode "$1" "$(stat --format %a "$2")"
  fi
}

same_mode() {
  local seen
  seen=$(stat --format %a "$1")
  [[ $seen == "$2" ]] || differs "$1" "mode $2" "$seen"
}

look_at_files() {
  local paths staged path
  paths=$(staged_below)
  while read -r path; do
    [[ -n $path ]] || continue
    staged=$STAGING/files$path
    case $path in
      /etc/hosts)
        sed --quiet "$HOSTS_BLOCK {/^$HOSTS_BEGIN\$/d; /^$HOSTS_END\$/d; p}" /etc/hosts >"$STAGING/names"
        show_difference /etc/hosts "$staged" "$STAGING/names"
        ;;
      "$CONTAINERD_CONFIG".*) [[ $path != "$CONTAINERD_CONFIG.$format" ]] || same_file "$CONTAINERD_CONFIG" "$staged" ;;
      "$CRI_WITH_PASSWORDS") [[ $format != 1.4 ]] || same_file "$path" "$staged" ;;
      /etc/apt/sources.list.d/*)
        fill_in_release "$path"
        same_file "$path" "$staged"
        ;;
      /etc/apt/keyrings/*) ;; # look_at_keyrings: what is there is the export of the named keys
      *) same_file "$path" "$staged" ;;
    esac
  done <<<"$paths"
}

# look_at_drop_ins: a file of somebody's in conf.d may replace settings of the file that did not change.
look_at_drop_ins() {
  local lost
  lost=$(lost_settings 2>"$STAGING/message") || lost="containerd config dump: $(<"$STAGING/message")"
  [[ -z $lost ]] || differs "what containerd reads" "the settings of $CONTAINERD_CONFIG" \
    "other files in $CONTAINERD_DROP_INS, without ${lost//$'\n'/, }"
}

# look_at_files_of_kubeadm: compare files of kubeadm with their copies. A file that an older version of this project had
# kubeadm write has no copy.
look_at_files_of_kubeadm() {
  local path written others
  for path in "${WRITTEN_FILES[@]}"; do
    written=$WRITTEN/${path##*/}
    if [[ -f $written && -f $path ]]; then
      show_difference "$path" "$written" "$path"
    elif [[ -f $written ]]; then
      differs "$path" "the file" "none"
    fi
  done
  others=$(second_manifests)
  [[ -z $others ]] ||
    differs "$MANIFESTS" "one manifest of each component, since the kubelet runs either of two" "${others//$'\n'/ }"
}

look_at_keyrings() {
  local path fingerprints wanted seen
  while read -r path fingerprints _; do
    [[ -n $path ]] || continue
    wanted=$(named_keys "$fingerprints")
    if [[ ! -f $path ]]; then
      differs "$path" "the file" "none"
      continue
    fi
    seen=$(primary_keys "$path") || seen="no key that gpg can read"
    [[ $seen == "$wanted" ]] || differs "$path" "the keys ${wanted//$'\n'/ }" "${seen//$'\n'/ }"
    same_mode "$path" 644
  done <<<"$KEYRINGS"
}

look_at_kernel() {
  local sysctls line value seen module
  sysctls=$(wanted_sysctls)
  while read -r line; do
    [[ -n $line ]] || continue
    value=${line#*=}
    seen=$(sysctl_value "${line%%=*}")
    [[ $seen == "$value" ]] || differs "sysctl ${line%%=*}" "$value" "$seen"
  done <<<"$sysctls"
  for module in $MODULES; do
    module_is_there "$module" || differs "kernel module $module" "it to be loaded"
  done
  seen=$(swapon --noheadings --show=NAME | paste --serial --delimiters ' ')
  [[ -z $seen ]] || differs swap none "$seen"
  ! swap_is_in_fstab || differs /etc/fstab "no line with swap, which a boot turns on" "one"
  seen=$(swap_units | paste --serial --delimiters ' ')
  [[ -z $seen ]] || differs "units of swap" "none that starts at boot" "$seen"
  seen=$(systemctl is-enabled swap.target 2>/dev/null) || true # its status is 1 for "masked"
  [[ $seen == masked ]] || differs "unit swap.target" masked "$seen"
}

look_at_packages() {
  local package version
  for package in kubeadm kubelet kubectl; do
    version=$(installed_version "$package") || version=
    [[ $version == "$KUBERNETES_VERSION"-* ]] || differs "package $package" "$KUBERNETES_VERSION" "$version"
    apt-mark showhold | grep --line-regexp "$package" >/dev/null || differs "package $package" "it to be held" "it not held"
  done
}

# look_at_units: a repair leaves what the owner of the machine wrote.
look_at_units() {
  local others other by_hand="; take it out by hand"
  others=$(replaced_units)
  while read -r other; do
    # A service that is masked does not start at boot.
    [[ -z $other || $other -ef /dev/null ]] || differs "unit ${other##*/}" "that of its package" "$other$by_hand"
  done <<<"$others"
  other=$(overriding_containerd)
  [[ -z $other ]] || differs "start of containerd" "that of its package, with the configuration of the stack" "$other$by_hand"
  other=$(kubelet_drop_in)
  [[ -n $other || ! -e $KUBELET_CONF ]] ||
    differs "start of the kubelet" "10-kubeadm.conf of package kubeadm or kubelet among its drop-ins" \
      "none: without it the kubelet has no configuration; apt-get install --reinstall --allow-change-held-packages \
-o Dpkg::Options::=--force-confmiss kubeadm kubelet; apt-mark hold kubeadm kubelet"
  others=$(overriding_arguments)
  while read -r other; do
    [[ -z $other ]] || differs "start of the kubelet" "none that overrides the arguments of the stack" "$other$by_hand"
  done <<<"$others"
}

look_at_services() {
  local service name services=(containerd kubelet)
  ! is_staged "$LOAD_BALANCER_CONFIG" || services+=("$LOAD_BALANCER_UNIT")
  ! is_staged "$VIP_CONFIG" || services+=("$VIP_UNIT")
  ! is_staged "$BACKUP_TIMER_FILE" || services+=("$BACKUP_TIMER")
  ! is_staged "$APPROVAL_UNIT_FILE" || services+=("$APPROVAL_UNIT")
  name=$(hostname)
  [[ $name == "$HOST_NAME" ]] || differs "host name" "$HOST_NAME" "$name"
  for service in "${services[@]}"; do
    systemctl --quiet is-enabled "$service" ||
      differs "service $service" "it to start at boot" "$(systemctl is-enabled "$service" 2>&1)"
    systemctl --quiet is-active "$service" ||
      differs "service $service" "it to run" "$(systemctl is-active "$service" 2>&1)"
  done
}

# look_at_endpoint: a worker that asks another address asks one control plane for ever.
look_at_endpoint() {
  local seen name=${API_HOST:-} # a step of an older version has none
  [[ $ROLE == worker && -n $name && -f $KUBELET_CONF ]] || return 0
  seen=$(sed --quiet 's/^ *server: //p' "$KUBELET_CONF")
  [[ $seen == "https://$name:"* ]] || differs "API server in $KUBELET_CONF" "$name" "$seen"
}

# look_at_clients: a step that is killed leaves clients led elsewhere (lib/clients.sh). If its edit is taken back, no step runs
# that would let them in again.
look_at_clients() {
  local rules
  command -v iptables-save >/dev/null || return 0 # nobody made any
  rules=$(iptables-save 2>"$STAGING/message") ||
    differs "rules of iptables" "iptables-save to list them" "$(<"$STAGING/message")"
  [[ $rules != *PULUMI-KUBEADM-API* ]] ||
    differs "rules of iptables" "none that lead clients of the API elsewhere" "those of a step that was cut short"
}

format=$(containerd_format)
look_at_files
look_at_drop_ins
look_at_files_of_kubeadm
look_at_keyrings
look_at_kernel
look_at_packages
look_at_units
look_at_services
look_at_endpoint
look_at_clients
step_is_done
