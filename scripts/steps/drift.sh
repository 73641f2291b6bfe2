# shellcheck shell=bash
# Looks only. Returns a line, or a difference in lines, for each thing that is not as the last update left it.
# Needs: KUBERNETES_VERSION MODULES; lib/containerd.sh lib/hosts_file.sh lib/kernel.sh lib/packages.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/kernel.sh"
. "$LIBRARY/lib/hosts_file.sh"

differs() { printf '%s: expected %s, saw %s\n' "$1" "$2" "${3:-nothing}"; }

# same_file PATH WANTED: WANTED is another file, as PATH should be. Lines with a password are not shown.
same_file() {
  if [[ ! -f $1 ]]; then
    differs "$1" "the file" "none"
  elif ! cmp --silent "$2" "$1"; then
    case $1 in
      "$CRI_WITH_PASSWORDS" | "$REGISTRIES"/*) differs "$1" "what the last update wrote" "something else" ;;
      *) diff --unified=1 --label "$1, as it should be" --label "$1, as it is" "$2" "$1" || (($? == 1)) ;; # 1 says that they differ, 2 that one cannot be read
    esac
  elif [[ $(stat --format %a "$2") != "$(stat --format %a "$1")" ]]; then
    differs "$1" "mode $(stat --format %a "$2")" "$(stat --format %a "$1")"
  fi
}

look_at_files() {
  local staged path
  while read -r path; do
    staged=$STAGING/files$path
    case $path in
      /etc/hosts)
        sed --quiet "$HOSTS_BLOCK {/^$HOSTS_BEGIN\$/d; /^$HOSTS_END\$/d; p}" /etc/hosts >"$STAGING/names"
        diff --unified=1 --label "/etc/hosts, as it should be" --label "/etc/hosts, as it is" "$staged" "$STAGING/names" || (($? == 1))
        ;;
      "$CONTAINERD_CONFIG".*) [[ $path != "$CONTAINERD_CONFIG.$format" ]] || same_file "$CONTAINERD_CONFIG" "$staged" ;;
      "$CRI_WITH_PASSWORDS") [[ $format != 1.4 ]] || same_file "$path" "$staged" ;;
      *) same_file "$path" "$staged" ;;
    esac
  done < <(staged_below)
}

look_at_kernel() {
  local name value seen module
  while IFS='=' read -r name value; do
    seen=$(sysctl_value "$name")
    [[ $seen == "$value" ]] || differs "sysctl $name" "$value" "$seen"
  done < <(wanted_sysctls)
  for module in $MODULES; do
    module_is_there "$module" || differs "kernel module $module" "it to be loaded"
  done
  [[ -z $(swapon --noheadings --show) ]] || differs swap none "$(swapon --noheadings --show=NAME | paste --serial --delimiters ' ')"
}

look_at_packages() {
  local package version
  for package in kubeadm kubelet kubectl; do
    version=$(installed_version "$package")
    [[ $version == "$KUBERNETES_VERSION"-* ]] || differs "package $package" "$KUBERNETES_VERSION" "$version"
    apt-mark showhold | grep --line-regexp "$package" >/dev/null || differs "package $package" "it to be held" "it not held"
  done
}

look_at_services() {
  local service
  [[ $(hostname) == "$HOST_NAME" ]] || differs "host name" "$HOST_NAME" "$(hostname)"
  for service in containerd kubelet; do
    systemctl --quiet is-enabled "$service" || differs "service $service" "it to start at boot" "$(systemctl is-enabled "$service" 2>&1)"
    systemctl --quiet is-active "$service" || differs "service $service" "it to run" "$(systemctl is-active "$service" 2>&1)"
  done
}

format=$(containerd_format)
look_at_files
look_at_kernel
look_at_packages
look_at_services
