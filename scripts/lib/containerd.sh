# shellcheck shell=bash
# The containerd of this machine, in whatever version it is.

CONTAINERD_PROXY=/etc/systemd/system/containerd.service.d/pulumi-kubeadm-proxy.conf
CRI_WITH_PASSWORDS=/etc/containerd/cri-with-passwords.toml

# containerd_format: which of our configurations it reads: 1.4, 1 or 2.
containerd_format() {
  local version
  version=$(containerd --version | sed --regexp-extended 's/^[^ ]+ [^ ]+ v?([0-9]+\.[0-9]+)\..*/\1/')
  if [[ $version == 1.4 ]]; then echo "$version"; else echo "${version%.*}"; fi
}

# What it was started with, as a digest.
CONTAINERD_MARK=containerd-runs-with

# put_for_containerd PATH: what was there before may be somebody else's, with which it runs.
put_for_containerd() {
  put "$1"
  [[ $PUT == same ]] || rm --force "$STATE/$CONTAINERD_MARK"
}

# restart_changed_containerd: compares with what it was started with, and not with what this run changed: an earlier run may
# have ended before the restart.
restart_changed_containerd() {
  local configuration file
  configuration=$(for file in /etc/containerd/config.toml "$CONTAINERD_PROXY" "$CRI_WITH_PASSWORDS"; do
    if [[ -e $file ]]; then cat "$file"; fi
  done | sha256sum)
  if [[ $(mark "$CONTAINERD_MARK") == "$configuration" ]] && systemctl --quiet is-active containerd; then return; fi
  systemctl daemon-reload
  systemctl restart containerd ||
    fail "containerd to run" "$(journalctl --unit containerd --lines 5 --no-pager --output cat)" "journalctl -u containerd"
  remember "$CONTAINERD_MARK" "$configuration"
  changed "containerd is restarted"
}
