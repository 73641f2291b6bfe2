# shellcheck shell=bash
# The package of containerd, before it is installed.
# Needs: CONTAINERD_PACKAGE OLDEST_CONTAINERD

containerd_is_installed() {
  dpkg-query --show --showformat '${db:Status-Status}' "$CONTAINERD_PACKAGE" 2>/dev/null | grep '^installed$' >/dev/null
}

# containerd_version: the version that is installed, or that apt knows and would install; empty without either.
containerd_version() {
  if containerd_is_installed; then
    containerd --version | awk '{sub("^v", "", $3); print $3}'
  else
    apt-cache policy "$CONTAINERD_PACKAGE" | awk '$1 == "Candidate:" && $2 != "(none)" {print $2}'
  fi
}

# containerd_is_new_enough VERSION: whether kubelet speaks to this containerd.
containerd_is_new_enough() { dpkg --compare-versions "$1" ge "$OLDEST_CONTAINERD"; }
