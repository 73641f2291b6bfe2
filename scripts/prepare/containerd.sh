# shellcheck shell=bash
# containerd runs with our configuration, in the format of the version that is installed.

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
restart_containerd=$PUT
for file in $REGISTRY_FILES; do
  put "$file" # containerd reads these at each pull
done
systemctl --quiet enable containerd
if [[ $restart_containerd == changed ]] || ! systemctl --quiet is-active containerd; then
  systemctl restart containerd ||
    fail "containerd to run" "$(journalctl --unit containerd --lines 5 --no-pager --output cat)" "journalctl -u containerd"
  changed "containerd is restarted"
fi
put /etc/crictl.yaml
