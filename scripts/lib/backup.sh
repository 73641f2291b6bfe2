# shellcheck shell=bash
# Snapshots of etcd on a control plane: a bundle holds a snapshot, and the keys and the configuration that a restore needs.
# shellcheck disable=SC2034 # those who source this file read the names

BACKUP_SETTINGS=/etc/kubernetes/backup/settings
BACKUP_RECIPIENT=/etc/kubernetes/backup/recipient.pem
BACKUP_TIMER=kubernetes-backup.timer
BACKUP_SERVICE_FILE=/etc/systemd/system/kubernetes-backup.service
BACKUP_TIMER_FILE=/etc/systemd/system/kubernetes-backup.timer

# stop_backups: where the timer runs.
stop_backups() {
  is_marked "$BACKUP_TIMER_MARK" || return 0
  systemctl --quiet disable --now "$BACKUP_TIMER" 2>/dev/null || true # its file may be gone already
  forget "$BACKUP_TIMER_MARK"
}
