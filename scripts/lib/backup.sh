# shellcheck shell=bash
# Snapshots of etcd on a control plane: a bundle holds a snapshot, and the keys and the configuration that a restore needs.
# Needs: lib/own_service.sh
# shellcheck disable=SC2034 # those who source this file read the names
. "$LIBRARY/lib/own_service.sh"

BACKUPS="the timer that saves etcd"
BACKUP_SETTINGS=/etc/kubernetes/backup/settings
BACKUP_RECIPIENT=/etc/kubernetes/backup/recipient.pem
BACKUP_TIMER=kubernetes-backup.timer
BACKUP_SERVICE_FILE=/etc/systemd/system/kubernetes-backup.service
BACKUP_TIMER_FILE=/etc/systemd/system/kubernetes-backup.timer

# stop_backups: etcd is no longer saved by a timer. A snapshot that waits for this step to end would begin behind it.
stop_backups() {
  end_service "$BACKUP_TIMER" "$BACKUP_TIMER_MARK" "$BACKUPS"
  pause_service "${BACKUP_TIMER%.timer}.service" "the service that saves etcd"
}
