# shellcheck shell=bash
# containerd runs with our configuration, in the format of the version that is installed.

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
  fail "containerd $OLDEST_CONTAINERD or newer, which Kubernetes $KUBERNETES_VERSION needs" "${seen_version:-none}" \
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
