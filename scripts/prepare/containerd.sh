# shellcheck shell=bash
# containerd runs with our configuration, in the format of the version that is installed.

CONTAINERD_PROXY=/etc/systemd/system/containerd.service.d/pulumi-kubeadm-proxy.conf

# Said before anything is installed: what is there, or what would be.
containerd_version() {
  if command -v containerd >/dev/null; then
    containerd --version | awk '{print $3}'
  else
    apt-cache policy "$CONTAINERD_PACKAGE" | awk '$1 == "Candidate:" {print $2}'
  fi
}
seen_version=$(containerd_version)
dpkg --compare-versions "${seen_version#v}" ge "$OLDEST_CONTAINERD" ||
  fail "containerd $OLDEST_CONTAINERD or newer, for $CONTAINERD_IS_NEEDED_FOR" "${seen_version:-none}" \
    "name a repository with a newer one in the stack file: containerd.repository, containerd.package"

if ! dpkg-query --show --showformat '${db:Status-Status}' "$CONTAINERD_PACKAGE" 2>/dev/null | grep '^installed$' >/dev/null; then
  apt_get install --no-install-recommends "$CONTAINERD_PACKAGE"
  changed "$CONTAINERD_PACKAGE is installed"
fi

containerd_major() { containerd --version | sed --regexp-extended 's/^[^ ]+ [^ ]+ v?([0-9]+)\..*/\1/'; }
major=$(containerd_major)
[[ -f $STAGING/files/etc/containerd/config.toml.$major ]] ||
  fail "containerd 1 or 2" "$(containerd --version)" "choose another package with containerd.package in the stack file"
mv "$STAGING/files/etc/containerd/config.toml.$major" "$STAGING/files/etc/containerd/config.toml"

put /etc/containerd/config.toml
if is_staged "$CONTAINERD_PROXY"; then put "$CONTAINERD_PROXY"; fi
for file in $REGISTRY_FILES; do
  put "$file" # containerd reads these at each pull
done
systemctl --quiet enable containerd
# What it was started with, and not what this run changed: an earlier run may have ended before the restart.
mark=$STATE/containerd-runs-with
configuration=$({ cat /etc/containerd/config.toml && if [[ -e $CONTAINERD_PROXY ]]; then cat "$CONTAINERD_PROXY"; fi; } | sha256sum)
if [[ ! -e $mark || $(<"$mark") != "$configuration" ]] || ! systemctl --quiet is-active containerd; then
  systemctl daemon-reload
  systemctl restart containerd ||
    fail "containerd to run" "$(journalctl --unit containerd --lines 5 --no-pager --output cat)" "journalctl -u containerd"
  printf '%s' "$configuration" >"$mark"
  changed "containerd is restarted"
fi
put /etc/crictl.yaml
