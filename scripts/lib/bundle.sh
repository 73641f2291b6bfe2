# shellcheck shell=bash
# A bundle: a snapshot of etcd that was verified by its hash, the keys of the cluster, and kubeadm's configuration.
# Needs: lib/api_server.sh lib/backup.sh lib/kubeadm.sh lib/static_pods.sh

ETCD_DATA=/var/lib/etcd
ETCD_SNAPSHOT=$ETCD_DATA/bundle.db # etcd's data directory has the same path on the host, and in etcd's container
ROOM_MIB=256                       # what etcd has left while it is saved

# said_by COMMAND...: what the command says is in $STAGING/etcdctl.
said_by() { "$@" >"$STAGING/etcdctl" 2>&1; }

refuse_snapshot() {
  rm -f "$ETCD_SNAPSHOT" "$ETCD_SNAPSHOT.part" "$BUNDLE.new"
  fail "etcd to be saved" "$(tail -n 5 "$STAGING/etcdctl")" \
    "df -h $ETCD_DATA $(dirname "$BUNDLE"); crictl logs \$(crictl ps --quiet --name etcd); then again"
}

backup_setting() { sed --quiet "s/^$1=//p" "$BACKUP_SETTINGS"; }

# snapshot_is_whole FILE: by its checksums. etcdutl came with etcd 3.5; etcdctl looks at a snapshot up to 3.5. Where the image
# has neither, the status of `snapshot save` is all there is.
snapshot_is_whole() {
  local etcd
  etcd=$(container_of etcd)
  if said_by crictl exec "$etcd" etcdutl version; then
    said_by crictl exec "$etcd" etcdutl snapshot status "$1"
  elif said_by etcdctl snapshot status --help && grep --quiet 'snapshot status' "$STAGING/etcdctl"; then
    said_by etcdctl snapshot status "$1"
  fi
}

# has_room: a full disk would stop etcd itself.
has_room() {
  local directory size free
  { size=$(stat --format %s "$ETCD_DATA/member/snap/db") && size=$((size / 1024 / 1024 + 1)); } 2>"$STAGING/etcdctl" || return 1
  for directory in "$ETCD_DATA" "$(dirname "$BUNDLE")"; do
    free=$(free_disk_mib "$directory" 2>"$STAGING/etcdctl") || return 1
    ((free >= size + ROOM_MIB)) || {
      echo "$free MiB are free in $directory, and a snapshot needs $size and leaves $ROOM_MIB" >"$STAGING/etcdctl"
      return 1
    }
  done
}

# gather TIME: lay in $STAGING/bundle what goes into the bundle beside the snapshot.
gather() {
  local bundle=$STAGING/bundle
  mkdir -p "$bundle"
  cp --recursive --dereference --preserve "$PKI" "$bundle/pki"
  cp "$KUBEADM_CONFIG" "$bundle/config.yaml"
  if [[ -f $ENCRYPTION ]]; then cp "$ENCRYPTION" "$bundle/pki/"; fi
  {
    printf 'cluster-name=%s\n' "$(mark "$CLUSTER_NAME_MARK")"
    printf 'cluster-identity=%s\n' "$(mark "$CLUSTER_IDENTITY_MARK")"
    printf 'kubernetes-version=%s\n' "$(manifest_version)"
    printf 'host=%s\n' "$HOST_NAME"
    printf 'time=%s\n' "$1"
  } >"$bundle/about"
}

# write_sums: of the snapshot, and of what lies beside it.
write_sums() {
  (cd "$ETCD_DATA" && sha256sum "${ETCD_SNAPSHOT##*/}") >"$STAGING/sums" &&
    (cd "$STAGING/bundle" && find . -type f -exec sha256sum {} +) >>"$STAGING/sums" &&
    mv "$STAGING/sums" "$STAGING/bundle/SHA256SUMS"
}

# seal: standard input for the recipient of the stack, if it names one.
seal() {
  if [[ -s $BACKUP_RECIPIENT ]]; then
    openssl cms -encrypt -binary -stream -aes-256-cbc -outform DER "$BACKUP_RECIPIENT"
  else
    cat
  fi
}

pack() {
  tar --create --gzip --directory "$ETCD_DATA" "${ETCD_SNAPSHOT##*/}" \
    --directory "$STAGING/bundle" SHA256SUMS about config.yaml pki | seal >"$BUNDLE.new"
}

# of_this_machine: pattern of the names of bundles, without their ends: NAME-HOST-TIME, and perhaps a label.
of_this_machine() {
  local day='[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' time='[0-9][0-9][0-9][0-9][0-9][0-9]'
  printf '%s-%s-%sT%sZ*' "$(mark "$CLUSTER_NAME_MARK")" "$HOST_NAME" "$day" "$time"
}

# make_bundle [LABEL]: BUNDLE is the path of a new bundle. It has its name only when it is whole and on the disk.
make_bundle() {
  local directory time
  directory=$(backup_setting directory)
  time=$(date --utc +%Y%m%dT%H%M%SZ)
  BUNDLE=$directory/$(mark "$CLUSTER_NAME_MARK")-$HOST_NAME-$time${1:+-$1}.bundle
  mkdir -p "$directory"
  # Of a run that was cut short. In a directory that several machines share the others may be writing theirs.
  find "$directory" -maxdepth 1 -name "$(of_this_machine).bundle.new" -delete
  rm -f "$ETCD_SNAPSHOT" "$ETCD_SNAPSHOT.part" # etcdctl writes the second, and renames it
  gather "$time"
  has_room || refuse_snapshot
  said_by etcdctl --command-timeout 10m snapshot save "$ETCD_SNAPSHOT" || refuse_snapshot
  snapshot_is_whole "$ETCD_SNAPSHOT" || refuse_snapshot
  { write_sums && pack && sync "$BUNDLE.new"; } 2>"$STAGING/etcdctl" || refuse_snapshot
  mv "$BUNDLE.new" "$BUNDLE"
  sync "$directory"
  rm "$ETCD_SNAPSHOT"
  changed "etcd is saved: $BUNDLE"
}

# prune: the newest bundles of the timer stay, and likewise of those that were taken before upgrades; bundles of other machines
# stay. One whose time is after that of $BUNDLE is of a clock that was wrong: it counts as the oldest.
prune() {
  local directory keep end
  directory=$(backup_setting directory)
  keep=$(backup_setting keep)
  for end in .bundle -before-\*.bundle; do
    find "$directory" -maxdepth 1 -type f -name "$(of_this_machine | sed 's/\*$//')$end" | sort --reverse |
      awk -v now="$BUNDLE" '$0 > now {later = later $0 "\n"; next} {print} END {printf "%s", later}' |
      tail -n "+$((keep + 1))" | xargs --no-run-if-empty --delimiter '\n' rm
  done
}
