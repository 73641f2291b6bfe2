# shellcheck shell=bash
# A reboot does not hang on containerd's shims.

put /etc/systemd/system.conf.d/kubernetes.conf
# An earlier run may have ended between `put` and the re-execution.
setting=$(sha256sum </etc/systemd/system.conf.d/kubernetes.conf)
if [[ $(mark "$SYSTEMD_MARK") != "$setting" ]]; then
  systemctl daemon-reexec
  remember "$SYSTEMD_MARK" "$setting"
fi
