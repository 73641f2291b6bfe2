# shellcheck shell=bash
# The containerd of this machine, in whatever version it is.
# shellcheck disable=SC2034 # those who source this file read the names

CONTAINERD_CONFIG=/etc/containerd/config.toml
CONTAINERD_CONFIG_BEFORE=$CONTAINERD_CONFIG.before-kubernetes
CONTAINERD_PROXY=/etc/systemd/system/containerd.service.d/pulumi-kubeadm-proxy.conf
CONTAINERD_DROP_INS=/etc/containerd/conf.d
REGISTRIES=/etc/containerd/certs.d
CRI_WITH_PASSWORDS=/etc/containerd/cri-with-passwords.toml

# containerd_format: the format of configuration that this containerd reads: 1.4, 1 or 2.
containerd_format() {
  local version
  version=$(containerd --version | sed --regexp-extended 's/^[^ ]+ [^ ]+ v?([0-9]+\.[0-9]+)\..*/\1/')
  if [[ $version == 1.4 ]]; then echo "$version"; else echo "${version%.*}"; fi
}

# put_for_containerd PATH: put a configuration of containerd. If that changes the file, the mark of what containerd runs with
# goes: somebody else may have started containerd with the former file.
put_for_containerd() {
  put "$1"
  [[ $PUT == same ]] || forget "$CONTAINERD_MARK"
}

# settings_of_tables FILE: each setting of a configuration of containerd behind its table, without quotes, one a line.
settings_of_tables() {
  awk '
    { gsub(/["\047]/, ""); sub(/^[[:space:]]+/, "") }
    /^\[/ { table = $0; next }
    table && /=/ { sub(/[[:space:]]*=[[:space:]]*/, "="); print table " " $0 }
  ' "$1"
}

# lost_settings: settings of the stack that containerd does not read, one a line, since a file of somebody's has them, too.
# containerd 1 takes all tables of a plugin from the last file with one of them: that of a GPU's runtime replaces the runtime
# runc, the pause image and the registries.
lost_settings() {
  grep --quiet --no-messages "^imports = .*$CONTAINERD_DROP_INS/" "$CONTAINERD_CONFIG" &&
    compgen -G "$CONTAINERD_DROP_INS/*.toml" >/dev/null || return 0
  containerd config dump >"$STAGING/dump" || return 1
  # Lists of disabled plugins of all files count together.
  sed --quiet --regexp-extended "s/^(disabled_plugins = .*[\"'.]cri[\"'.].*)/the CRI: \1/p" "$STAGING/dump"
  settings_of_tables "$STAGING/dump" >"$STAGING/read"
  settings_of_tables "$CONTAINERD_CONFIG" >"$STAGING/written"
  grep --invert-match --fixed-strings --line-regexp --file "$STAGING/read" "$STAGING/written" || (($? == 1))
}

restart_containerd() {
  systemctl restart containerd ||
    fail "containerd to run" "$(journalctl --unit containerd --lines 5 --no-pager --output cat)" "journalctl -u containerd"
}

# restart_changed_containerd: restart containerd if its configuration is not the one that it was started with. What this run
# changed does not decide: an earlier run may have ended before the restart.
restart_changed_containerd() {
  local configuration file
  configuration=$(for file in "$CONTAINERD_CONFIG" "$CONTAINERD_PROXY" "$CRI_WITH_PASSWORDS"; do
    if [[ -e $file ]]; then cat "$file"; fi
  done | sha256sum)
  if [[ $(mark "$CONTAINERD_MARK") == "$configuration" ]] && systemctl --quiet is-active containerd; then return; fi
  systemctl daemon-reload
  restart_containerd
  remember "$CONTAINERD_MARK" "$configuration"
  changed "containerd is restarted"
}

# containerd_serves: wait until containerd serves its CRI. It may still be starting, as after a reboot, or have its CRI
# disabled.
containerd_serves() {
  wait_for 60 "containerd to serve its CRI" "journalctl -u containerd | grep -i cri; systemctl restart containerd" crictl info
}

# containerd_begins_anew: restart containerd before a reset. After a power cut it may end while a reset removes its pods, or a
# moment after it answered.
containerd_begins_anew() {
  restart_containerd
  containerd_serves
}
