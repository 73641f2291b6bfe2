# shellcheck shell=bash
# A control plane takes snapshots of etcd by a timer, whose first one comes once there is a cluster.
# Needs: lib/backup.sh
. "$LIBRARY/lib/backup.sh"

# run_timer: compares with what the timer was started with, and not with what this run changed: an earlier run may have ended
# in between.
run_timer() {
  local units
  units=$(sha256sum "$BACKUP_SERVICE_FILE" "$BACKUP_TIMER_FILE" | sha256sum)
  if [[ $(mark "$BACKUP_TIMER_MARK") != "$units" ]]; then
    # From here on it may run: a reset has to stop it.
    remember "$BACKUP_TIMER_MARK" "not yet"
    systemctl daemon-reload
    systemctl --quiet enable "$BACKUP_TIMER"
    systemctl restart "$BACKUP_TIMER"
    changed "etcd is saved by a timer"
  fi
  systemctl --quiet is-active "$BACKUP_TIMER" || systemctl start "$BACKUP_TIMER"
  remember "$BACKUP_TIMER_MARK" "$units"
}

if is_staged "$BACKUP_TIMER_FILE"; then
  put "$BACKUP_SETTINGS"
  if is_staged "$BACKUP_RECIPIENT"; then put "$BACKUP_RECIPIENT"; fi
  put "$BACKUP_SERVICE_FILE"
  put "$BACKUP_TIMER_FILE"
  run_timer
fi
