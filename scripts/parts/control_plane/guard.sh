# shellcheck shell=bash
# Without its data etcd does not start, instead of beginning a new, empty cluster. kubeadm gives that argument to a control
# plane that joins, and not to the one that initialises: there etcd restarts once. To one that joins, kubeadm gives the list of
# all members. With the list of the last one that joined, etcd starts without its data, too: it votes for a leader that lacks
# what it had acknowledged. So there etcd restarts once with its own name alone, as kubeadm writes it later. Two members lose
# nothing that way, since each change needs both; and a restart of one of two would stop the API. Nor does etcd forget its
# other members at each start, as with the argument of a recovery that lost its way back.
# Needs: ETCD_CLUSTER_STATE NODE_IP; lib/clients.sh lib/etcd.sh lib/kubeadm.sh lib/patches.sh lib/static_pods.sh

guard_etcd() {
  wait_for_others "$NODE_IP"
  lead_elsewhere "$NODE_IP"
  divert_clients
  trap 'put_back_half_done; let_clients_in' EXIT # whatever ends the step before the change is done
  change_static_pods write_etcd_manifest
  trap let_clients_in EXIT
  let_clients_in
  changed "etcd does not start where its data are missing"
}

is_guarded() {
  grep --quiet -e "--initial-cluster-state=$ETCD_CLUSTER_STATE" "$MANIFESTS/etcd.yaml" &&
    ! grep --quiet -e --force-new-cluster -e '--initial-cluster=[^,]*,[^,]*,' "$MANIFESTS/etcd.yaml"
}
is_guarded || guard_etcd
