# shellcheck shell=bash
# The bundle that `make restore` put on the machine that initialises the cluster. Its directory exists as a whole until the
# cluster runs with it. The file `initialized` in it says that kubeadm's init is done.
# Needs: NODE_IP; lib/kubeadm.sh

# pull_etcd: pull the image of etcd, ETCD_IMAGE.
pull_etcd() {
  ETCD_IMAGE=$(kubeadm_images | grep '/etcd:')
  crictl pull "$ETCD_IMAGE" &>"$STAGING/crictl" ||
    fail "the image $ETCD_IMAGE" "$(<"$STAGING/crictl")" "crictl pull $ETCD_IMAGE"
}

# of_etcd PROGRAM ARGUMENT...: run a program of etcd's image, before etcd runs.
of_etcd() {
  ctr --namespace k8s.io run --rm --mount "type=bind,src=$RESTORE,dst=$RESTORE,options=rbind:ro" \
    --mount type=bind,src=/var/lib/etcd,dst=/var/lib/etcd,options=rbind:rw "$ETCD_IMAGE" "etcd-restore-$$" "$@" 2>&1
}

# restore_snapshot: restore the snapshot, with revisions far beyond all that any watcher saw. So watchers learn that what was
# written after the snapshot is gone.
restore_snapshot() {
  local program=etcdutl peer=https://$NODE_IP:2380 later=()
  if ! of_etcd etcdutl version &>"$STAGING/etcdutl"; then
    grep --quiet 'executable file .*not found' "$STAGING/etcdutl" || return 1 # no answer
    program=etcdctl                                                           # etcdutl came with etcd 3.5
  fi
  of_etcd "$program" snapshot restore --help &>"$STAGING/etcdutl" || return 1
  grep --quiet -e --data-dir "$STAGING/etcdutl" || return 1 # the help is cut off
  if grep --quiet -e --bump-revision "$STAGING/etcdutl"; then
    later=(--bump-revision 1000000000 --mark-compacted)
  else
    changed "this etcd cannot raise its revisions: what watched the lost cluster from elsewhere has to start again"
  fi
  rm -rf /var/lib/etcd/restored /var/lib/etcd/member
  of_etcd "$program" snapshot restore "$RESTORE/bundle.db" --data-dir /var/lib/etcd/restored \
    --name "$HOST_NAME" --initial-cluster "$HOST_NAME=$peer" --initial-advertise-peer-urls "$peer" "${later[@]}" \
    &>"$STAGING/etcdutl"
}

# restore_data: restore keys and data. kubeadm keeps the files that it finds, and makes new certificates of this machine, which
# the old authorities sign.
restore_data() {
  rm -f "$RESTORE/initialized"
  mkdir -p "$PKI/etcd" /var/lib/etcd
  # People keep files beside the authorities, which arguments of the API server name.
  (cd "$RESTORE/pki" && find . -type f ! -path './etcd/*' ! -path './apiserver*' ! -path './front-proxy-client.*' \
    ! -path ./encryption.yaml -exec cp --preserve --parents --target-directory "$PKI" {} +)
  cp --preserve "$RESTORE"/pki/etcd/ca.{crt,key} "$PKI/etcd/"
  pull_etcd
  restore_snapshot ||
    fail "etcd to restore its snapshot" "$(tail -n 5 "$STAGING/etcdutl")" "df -h /var/lib/etcd; then, on $HOST_NAME: \
sudo sh -c '$RESET'; pulumi up, or another bundle: make restore STACK=... BUNDLE=..."
  mv /var/lib/etcd/restored/member /var/lib/etcd/member
  rm -rf /var/lib/etcd/restored
  sync --file-system /var/lib/etcd
  changed "etcd and the keys of the cluster are those of the bundle"
}

# finish_restore: delete the nodes of all other machines in the snapshot, because these machines are lost. Their pods go with
# the nodes, and machines that join under the same names are new.
finish_restore() {
  local nodes
  ask "the API server to list the nodes" kubectl get nodes --output name
  nodes=$(grep --invert-match --line-regexp --fixed-strings "node/$HOST_NAME" <<<"$ANSWER") || nodes=
  if [[ -n $nodes ]]; then
    xargs --delimiter '\n' kubectl delete --ignore-not-found --request-timeout="$REQUEST_TIMEOUT" --wait=false \
      <<<"$nodes" >/dev/null
    changed "nodes of machines that are lost are deleted: ${nodes//$'\n'/, }"
  fi
  drop "$RESTORE"
}
