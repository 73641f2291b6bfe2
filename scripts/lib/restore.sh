# shellcheck shell=bash
# The bundle that `make restore` laid on the machine which initialises the cluster.
# Needs: NODE_IP; lib/kubeadm.sh

RESTORE=$STATE/restore # exists as a whole until the cluster runs with it
ETCD_IMAGE=$STAGING/etcd-image

# mount_etcd_image: etcd's programs, before etcd runs.
mount_etcd_image() {
  local image
  image=$(kubeadm_images | grep '/etcd:')
  crictl pull "$image" &>"$STAGING/ctr" || fail "the image $image" "$(<"$STAGING/ctr")" "crictl pull $image"
  mkdir -p "$ETCD_IMAGE"
  ctr --namespace k8s.io images mount "$image" "$ETCD_IMAGE" &>"$STAGING/ctr" ||
    fail "containerd to mount the image $image" "$(<"$STAGING/ctr")" "ctr --namespace k8s.io images mount $image /mnt"
}

unmount_etcd_image() {
  ctr --namespace k8s.io images unmount --rm "$ETCD_IMAGE" &>/dev/null || umount "$ETCD_IMAGE"
}

# restore_snapshot: with revisions far beyond all that any watcher saw, to whom what was written after the snapshot is gone.
restore_snapshot() {
  local program=etcdutl peer=https://$NODE_IP:2380 later=()
  [[ -x $ETCD_IMAGE/usr/local/bin/etcdutl ]] || program=etcdctl # before etcd 3.6
  if "$ETCD_IMAGE/usr/local/bin/$program" snapshot restore --help 2>&1 | grep --quiet -e --bump-revision; then
    later=(--bump-revision 1000000000 --mark-compacted)
  fi
  rm -rf /var/lib/etcd/restored /var/lib/etcd/member
  "$ETCD_IMAGE/usr/local/bin/$program" snapshot restore "$RESTORE/bundle.db" --data-dir /var/lib/etcd/restored \
    --name "$HOST_NAME" --initial-cluster "$HOST_NAME=$peer" --initial-advertise-peer-urls "$peer" "${later[@]}" \
    &>"$STAGING/etcdutl"
}

# restore_data: what kubeadm finds there it keeps; certificates of this machine it makes anew, by the old authorities.
restore_data() {
  mkdir -p "$PKI/etcd" /var/lib/etcd
  cp --preserve "$RESTORE"/pki/{ca,front-proxy-ca}.{crt,key} "$RESTORE"/pki/sa.{key,pub} "$PKI/"
  cp --preserve "$RESTORE"/pki/etcd/ca.{crt,key} "$PKI/etcd/"
  mount_etcd_image
  restore_snapshot || {
    unmount_etcd_image
    fail "etcd to restore its snapshot" "$(tail -n 5 "$STAGING/etcdutl")" "df -h /var/lib/etcd; another bundle: make restore"
  }
  unmount_etcd_image
  mv /var/lib/etcd/restored/member /var/lib/etcd/member
  rm -rf /var/lib/etcd/restored
  sync --file-system /var/lib/etcd
  changed "etcd and the keys of the cluster are those of the bundle"
}

# finish_restore: the other machines of the snapshot are gone. Without their nodes their pods go, and machines that join under
# the same names are new.
finish_restore() {
  local nodes
  ask "the API server to list the nodes" kubectl get nodes --output name
  nodes=$(grep --invert-match --line-regexp --fixed-strings "node/$HOST_NAME" <<<"$ANSWER") || nodes=
  if [[ -n $nodes ]]; then
    xargs --delimiter '\n' kubectl delete --request-timeout="$REQUEST_TIMEOUT" --wait=false <<<"$nodes" >/dev/null
    changed "nodes of machines that are lost are deleted: ${nodes//$'\n'/, }"
  fi
  drop "$RESTORE"
}
