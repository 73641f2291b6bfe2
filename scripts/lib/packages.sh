# shellcheck shell=bash
# Packages: those of Kubernetes, and of programs that run as services of ours.
# Needs: KUBERNETES_VERSION; lib/dpkg.sh lib/messages.sh
# shellcheck disable=SC2034 # those who source this file read the names
. "$LIBRARY/lib/dpkg.sh"
. "$LIBRARY/lib/messages.sh"

APT_PROXY=/etc/apt/apt.conf.d/90pulumi-kubeadm-proxy

# apt_get ARGUMENTS...: waits for other package managers, such as unattended-upgrades, and never asks.
apt_get() {
  local next="apt-get $*" began now is_finished=false
  began=$(uptime_seconds)
  until with_machine_proxy apt-get --quiet --yes --no-remove --option DPkg::Lock::Timeout="$APT_LOCK_SECONDS" \
    --option Dpkg::Options::=--force-confold --option Acquire::Retries=3 "$@" &>"$STAGING/apt-get"; do
    # apt-get does not wait by itself for the locks of package lists and archives, which apt-daily takes after a boot.
    now=$(uptime_seconds)
    if grep --quiet '\(lists\|archives\)/lock' "$STAGING/apt-get" && ((now - began < APT_LOCK_SECONDS)); then
      sleep 1
      continue
    fi
    # A killed run, as by its time limit, left packages half installed: apt-get refuses all other work.
    if [[ $is_finished == false ]] && grep --quiet "dpkg --configure -a" "$STAGING/apt-get"; then
      is_finished=true
      finish_packages
      continue
    fi
    if grep --quiet "remove is disabled" "$STAGING/apt-get"; then
      fail "apt-get $* to remove no package of this machine" "it would remove $(removed_packages)" \
        "keep them: name the package that is there in the stack file, such as containerd.package: containerd.io, or \
containerd of the distribution; or, where they have to go: docs/how-to/containerd-package.md"
    fi
    fail "apt-get $* to succeed" "$(failure_lines "$STAGING/apt-get")" "$next"
  done
}

# with_machine_proxy COMMAND...: run the command with the proxy that the machine names for its programs.
with_machine_proxy() {
  local variables=()
  [[ -z $MACHINE_PROXY ]] || mapfile -t variables <<<"$MACHINE_PROXY"
  env "${variables[@]}" "$@"
}

# apt_has_proxy: whether the configuration of apt, which no other program reads, has a proxy.
apt_has_proxy() { apt-config dump 2>/dev/null | grep --ignore-case '^Acquire::https\?::Proxy.* "..*"' >/dev/null; }

removed_packages() { sed --quiet '/REMOVED:$/,/^[^ ]/ s/^ \+//p' "$STAGING/apt-get" | paste --serial --delimiters ' '; }

finish_packages() {
  with_dpkg dpkg --force-confold --configure -a ||
    fail "dpkg --configure -a to succeed" "$(failure_lines "$STAGING/dpkg")" "dpkg --configure -a; dpkg --audit"
  changed "packages that were half installed are installed"
}

# install_program PROGRAM MARK: from the package of its name; the mark says that the stack installed it.
install_program() {
  if ! command -v "$1" >/dev/null; then
    remember "$2" yes
    apt_get install --no-install-recommends "$1"
    changed "$1 is installed"
  fi
  # The service of the package has a configuration of its own, which serves nothing here.
  ! is_marked "$2" || systemctl --quiet disable --now "$1"
}

# A package that was removed but not purged still has a version.
installed_version() {
  dpkg-query --show --showformat '${db:Status-Status} ${Version}' "$1" 2>/dev/null | sed --quiet 's/^installed //p'
}

# are_installed PACKAGE...: whether the packages are installed in the stack's version.
are_installed() {
  local package version
  for package in "$@"; do
    version=$(installed_version "$package") || return 1
    [[ $version == "$KUBERNETES_VERSION"-* ]] || return 1
  done
}

# has_version PACKAGE: whether the package lists have the package in the stack's version. `grep --quiet` would end at the first
# match, and apt-cache of a broken pipe.
has_version() { apt-cache madison "$1" | grep " $KUBERNETES_VERSION-" >/dev/null; }

# install_held PACKAGE...: install the packages in the stack's version, and hold them.
install_held() {
  local package
  if ! are_installed "$@"; then
    # A patch release may be newer than the package lists, which are read when the repository changes.
    has_version "$1" || apt_get update
    for package in "$@"; do
      has_version "$package" ||
        fail "package $package $KUBERNETES_VERSION in the package repository" \
          "$(apt-cache madison "$package" | awk '{print $3}' | head -n 5 | paste --serial --delimiters ' ')" \
          "mend cluster.kubernetesVersion or packages.repository.url in the stack file"
    done
    apt_get install --no-install-recommends --allow-change-held-packages --allow-downgrades "${@/%/=$KUBERNETES_VERSION-*}"
    changed "$* $KUBERNETES_VERSION installed"
  fi
  for package in "$@"; do
    if ! apt-mark showhold | grep --line-regexp "$package" >/dev/null; then
      with_dpkg apt-mark hold "$package" ||
        fail "package $package to be held" "$(tail -n 5 "$STAGING/dpkg")" "apt-mark hold $package"
      changed "$package is held"
    fi
  done
  are_installed "$@" ||
    fail "$* $KUBERNETES_VERSION" "$(for package in "$@"; do installed_version "$package"; done)" "apt-cache policy $*"
}
