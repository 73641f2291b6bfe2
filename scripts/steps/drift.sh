# shellcheck shell=bash
# Changes nothing. Prints a line, or a diff, for each file, sysctl, module, package and service that differs from what the last
# update left.
# Needs: KUBERNETES_VERSION MODULES; lib/containerd.sh lib/hosts_file.sh lib/kernel.sh lib/packages.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/kernel.sh"
. "$LIBRARY/lib/hosts_file.sh"

differs() { printf '%s: expected %s, saw %s\n' "$1" "$2" "${3:-nothing}"; }

# show_difference NAME WANTED SEEN: status 1 of diff says that the files differ, 2 that one cannot be read.
show_difference() {
  diff --unified=1 --label "$1, as it should be" --label "$1, as it is" "$2" "$3" || (($? == 1))
}

# same_file PATH WANTED: compare a file with the file WANTED. Files with a password are not shown.
same_file() {
  local wanted seen
  if [[ ! -f $1 ]]; then
    differs "$1" "the file" "none"
  elif ! cmp --silent "$2" "$1"; then
    case $1 in
      "$CRI_WITH_PASSWORDS" | "$REGISTRIES"/*) differs "$1" "what the last update wrote" "something else" ;;
      *) show_difference "$1" "$2" "$1" ;;
    esac
  else
    wanted=$(stat --format %a "$2")
    seen=$(stat --format %a "$1")
    [[ $seen == "$wanted" ]] || differs "$1" "mode $wanted" "$seen"
  fi
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
      *) same_file "$path" "$staged" ;;
    esac
  done <<<"$paths"
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
}

look_at_packages() {
  local package version
  for package in kubeadm kubelet kubectl; do
    version=$(installed_version "$package") || version=
    [[ $version == "$KUBERNETES_VERSION"-* ]] || differs "package $package" "$KUBERNETES_VERSION" "$version"
    apt-mark showhold | grep --line-regexp "$package" >/dev/null || differs "package $package" "it to be held" "it not held"
  done
}

look_at_services() {
  local service name
  name=$(hostname)
  [[ $name == "$HOST_NAME" ]] || differs "host name" "$HOST_NAME" "$name"
  for service in containerd kubelet; do
    systemctl --quiet is-enabled "$service" ||
      differs "service $service" "it to start at boot" "$(systemctl is-enabled "$service" 2>&1)"
    systemctl --quiet is-active "$service" ||
      differs "service $service" "it to run" "$(systemctl is-active "$service" 2>&1)"
  done
}

format=$(containerd_format)
look_at_files
look_at_kernel
look_at_packages
look_at_services
step_is_done
