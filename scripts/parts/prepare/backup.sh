# shellcheck shell=bash
# A control plane takes snapshots of etcd by a timer. The first snapshot is taken once there is a cluster.
# Needs: lib/backup.sh lib/own_service.sh
. "$LIBRARY/lib/backup.sh"

if is_staged "$BACKUP_TIMER_FILE"; then
  put "$BACKUP_SETTINGS"
  if is_staged "$BACKUP_RECIPIENT"; then put "$BACKUP_RECIPIENT"; else rm -f "$BACKUP_RECIPIENT"; fi
  put "$BACKUP_SERVICE_FILE"
  put "$BACKUP_TIMER_FILE"
  run_service "$BACKUP_TIMER" "$BACKUP_SERVICE_FILE" "$BACKUP_TIMER_MARK" "$BACKUPS" "systemctl list-timers"
fi
