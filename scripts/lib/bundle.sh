# shellcheck shell=bash
# A bundle: a snapshot of etcd that was verified by its hash, the keys of the cluster, and kubeadm's configuration.
# Needs: lib/api_server.sh lib/backup.sh lib/etcd.sh lib/kubeadm.sh lib/static_pods.sh

ETCD_DATA=/var/lib/etcd
ETCD_SNAPSHOT=$ETCD_DATA/bundle.db # etcd's data directory has the same path on the host, and in etcd's container
ROOM_MIB=256                       # what etcd has left while it is saved

# capture COMMAND...: run the command, with its output in $STAGING/etcdctl.
capture() { "$@" >"$STAGING/etcdctl" 2>&1; }

refuse_snapshot() {
  rm -f "$ETCD_SNAPSHOT" "$ETCD_SNAPSHOT.part" "$BUNDLE.new"
  fail "etcd to be saved" "$(tail -n 5 "$STAGING/etcdctl")" \
    "df -h $ETCD_DATA $(dirname "$BUNDLE"); crictl logs \$(crictl ps --quiet --name '^etcd\$'); then again"
}

backup_setting() { sed --quiet "s/^$1=//p" "$BACKUP_SETTINGS"; }

# snapshot_is_whole FILE: check the checksums in a snapshot. etcdutl came with etcd 3.5; up to 3.5 etcdctl checks a snapshot.
# If the image has neither, the status of `snapshot save` is the only check.
snapshot_is_whole() {
  local etcd
  etcd=$(container_of etcd) || return 1
  if capture crictl exec "$etcd" etcdutl version; then
    capture crictl exec "$etcd" etcdutl snapshot status "$1"
  elif ! grep --quiet 'executable file .*not found' "$STAGING/etcdctl"; then
    return 1 # no answer
  elif ! capture etcdctl snapshot status --help || [[ ! -s $STAGING/etcdctl ]]; then
    return 1 # an empty help is none
  elif grep --quiet 'snapshot status' "$STAGING/etcdctl"; then
    capture etcdctl snapshot status "$1"
  fi
}

# has_room: whether the disks have room for a new bundle. A full disk would stop etcd itself. A bundle may be as large as its
# snapshot, and the snapshot stays beside the bundle until the bundle is packed. LACKING_MIB is the room that the file system
# of the bundles lacks.
has_room() {
  local bundles directory size need free
  local -A file_system
  bundles=$(dirname "$BUNDLE") LACKING_MIB=0
  size=$(stat --format %s "$ETCD_DATA/member/snap/db" 2>"$STAGING/etcdctl") || return 1
  size=$((size / 1024 / 1024 + 1))
  need=$((size + ROOM_MIB))
  for directory in "$ETCD_DATA" "$bundles"; do
    file_system[$directory]=$(df --output=source "$directory" 2>"$STAGING/etcdctl" | tail -n 1) || return 1
  done
  [[ ${file_system[$ETCD_DATA]} != "${file_system[$bundles]}" ]] || need=$((need + size))
  for directory in "$ETCD_DATA" "$bundles"; do
    free=$(free_disk_mib "$directory" 2>"$STAGING/etcdctl") || return 1
    ((free < need)) || continue
    [[ ${file_system[$directory]} != "${file_system[$bundles]}" ]] || LACKING_MIB=$((need - free))
    echo "$free MiB are free in $directory, and a bundle needs $((need - ROOM_MIB)) and leaves $ROOM_MIB" >"$STAGING/etcdctl"
    return 1
  done
}

# make_room: delete the oldest bundles if that gives the new bundle its room. The newest bundle stays until the new one is
# whole.
make_room() {
  local older path size freed=0 names=()
  has_room && return
  older=$(own_bundles "*.bundle" | tail -n +2 | tac) || return 1
  while read -r path; do
    if [[ -z $path ]] || ((freed >= LACKING_MIB)); then break; fi
    size=$(stat --format %s "$path") || return 1
    freed=$((freed + size / 1024 / 1024))
    names+=("$path")
  done <<<"$older"
  ((freed > 0 && freed >= LACKING_MIB)) || return 1
  rm -f "${names[@]}" || return 1
  changed "a new bundle has no room beside older ones, which are deleted: ${names[*]}"
  has_room
}

# gather TIME: collect in $STAGING/bundle what the bundle has beside the snapshot.
gather() {
  local bundle=$STAGING/bundle name id identity version
  name=$(mark "$CLUSTER_NAME_MARK")
  id=$(mark "$OWNER_MARK")
  identity=$(mark "$CLUSTER_IDENTITY_MARK")
  version=$(manifest_version)
  mkdir -p "$bundle"
  cp --recursive --dereference --preserve "$PKI" "$bundle/pki"
  cp "$KUBEADM_CONFIG" "$bundle/config.yaml"
  add_keys_of_secrets "$bundle/pki/encryption.yaml"
  {
    printf 'cluster-name=%s\ncluster-id=%s\ncluster-identity=%s\n' "$name" "$id" "$identity"
    printf 'kubernetes-version=%s\n' "$version"
    printf 'host=%s\n' "$HOST_NAME"
    printf 'time=%s\n' "$1"
  } >"$bundle/about"
}

# add_keys_of_secrets FILE: copy to FILE the encryption configuration that the API server reads, that of the stack or a
# person's own.
add_keys_of_secrets() {
  local there=
  if [[ -f $MANIFESTS/kube-apiserver.yaml ]]; then
    there=$(sed --quiet 's/.*encryption-provider-config=//p' "$MANIFESTS/kube-apiserver.yaml")
  elif [[ -f $ENCRYPTION ]]; then
    there=$ENCRYPTION # a person moved the manifest away to stop the API server
  fi
  if [[ -f $there ]]; then
    cp "$there" "$1"
  elif [[ -n $there ]]; then
    changed "the bundle has no keys of Secrets: no file $there, which the API server reads"
  fi
}

# write_sums: write the checksums of the snapshot and of the files beside it.
write_sums() {
  (cd "$ETCD_DATA" && sha256sum "${ETCD_SNAPSHOT##*/}") >"$STAGING/sums" &&
    (cd "$STAGING/bundle" && find . -type f -exec sha256sum {} +) >>"$STAGING/sums" &&
    mv "$STAGING/sums" "$STAGING/bundle/SHA256SUMS"
}

# seal: encrypt standard input for the recipient of the stack, if the stack names one.
seal() {
  if [[ -e $BACKUP_RECIPIENT ]]; then
    openssl cms -encrypt -binary -stream -aes-256-cbc -outform DER "$BACKUP_RECIPIENT"
  else
    cat
  fi
}

# pack: write the bundle. Others may write in the directory of the bundles: `conv=excl` refuses a file, a link or a pipe of
# theirs, which would get the keys of the cluster. The `noclobber` of bash opens a pipe.
pack() {
  rm -f "$BUNDLE.new"
  tar --create --gzip --directory "$ETCD_DATA" "${ETCD_SNAPSHOT##*/}" \
    --directory "$STAGING/bundle" SHA256SUMS about config.yaml pki | seal |
    dd of="$BUNDLE.new" bs=1M iflag=fullblock conv=excl,fsync status=none
}

# whose_bundle: the beginning of the names of this machine's bundles. Clusters with one name may share a directory, so the
# names have the identity of the cluster.
whose_bundle() {
  local name id
  name=$(mark "$CLUSTER_NAME_MARK")
  id=$(mark "$OWNER_MARK")
  printf '%s-%s-%s' "$name" "$id" "$HOST_NAME"
}

# own_bundles END: paths of this machine's bundles whose names have END after the time, the newest first. A bundle with a time
# after that of $BUNDLE was made by a wrong clock: it counts as the oldest.
own_bundles() {
  local day='[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' time='[0-9][0-9][0-9][0-9][0-9][0-9]' whose
  whose=$(whose_bundle) || return 1
  find -H "$(dirname "$BUNDLE")" -maxdepth 1 -type f -name "$whose-${day}T${time}Z$1" | sort --reverse |
    awk -v now="$BUNDLE" '$0 > now {later = later $0 "\n"; next} {print} END {printf "%s", later}'
}

# prune: keep the KEEP newest bundles of the timer, and the KEEP newest bundles from before upgrades. A program of the machine's
# owner may move bundles away at the same time.
prune() {
  local end
  for end in .bundle "-before-*.bundle"; do
    own_bundles "$end" | tail -n "+$((KEEP + 1))" | xargs --no-run-if-empty --delimiter '\n' rm -f
  done
}

# refuse_missing_mount DIRECTORY: end the step if the disk for the bundles is not mounted: bundles would fill the disk of the
# machine, and be lost with it.
refuse_missing_mount() {
  local missing
  missing=$(missing_mount "$1")
  [[ -z $missing ]] || fail "the file system of $1 at $missing, as /etc/fstab has it" "nothing mounted there" \
    "mount $missing, or take the line out of /etc/fstab; then systemctl start ${BACKUP_TIMER%.timer}"
}

# make_bundle [LABEL]: make a bundle, with the path BUNDLE. The bundle gets this name only when it is whole and on the disk.
# Old bundles are pruned before, too: a disk that they fill would take no new one. BEHIND is true if this member of etcd hears
# no majority: the others may have acknowledged writes that the bundle lacks.
make_bundle() {
  local directory time whose
  directory=$(backup_setting directory)
  KEEP=$(backup_setting keep)
  [[ -n $directory && $KEEP == [1-9]* ]] ||
    fail "a directory of bundles, and how many stay, in $BACKUP_SETTINGS" "$(<"$BACKUP_SETTINGS")" \
      "make repair STACK=... HOST=$HOST_NAME; then again"
  time=$(date --utc +%Y%m%dT%H%M%SZ)
  whose=$(whose_bundle)
  BUNDLE=$directory/$whose-$time${1:+-$1}.bundle
  refuse_missing_mount "$directory"
  mkdir -p "$directory"
  # Remove unfinished bundles of this machine. Other machines that share the directory may be writing theirs.
  own_bundles "*.bundle.new" | xargs --no-run-if-empty --delimiter '\n' rm -f
  rm -f "$ETCD_SNAPSHOT" "$ETCD_SNAPSHOT.part" # etcdctl writes the second, and renames it
  prune
  gather "$time"
  make_room || refuse_snapshot
  # shellcheck disable=SC2034 # callers read it
  if comes_true "$ANSWER_SECONDS" hears_majority; then
    BEHIND=false
  else
    BEHIND=true
    changed "this member of etcd hears no majority: what the others acknowledge is not in the bundle"
  fi
  ETCDCTL_SECONDS=660 capture etcdctl --command-timeout 10m snapshot save "$ETCD_SNAPSHOT" || refuse_snapshot
  snapshot_is_whole "$ETCD_SNAPSHOT" || refuse_snapshot
  { write_sums && pack; } 2>"$STAGING/etcdctl" || refuse_snapshot
  mv --no-target-directory "$BUNDLE.new" "$BUNDLE"
  sync "$directory"
  rm "$ETCD_SNAPSHOT"
  changed "etcd is saved: $BUNDLE"
  prune
}
