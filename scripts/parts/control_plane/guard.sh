# shellcheck shell=bash
# Without its data etcd does not start: it would begin a new, empty cluster. The argument for this is
# --initial-cluster-state=existing. kubeadm gives it to a control plane that joins, and not to the one that initialises, so
# there etcd restarts once. kubeadm also gives a control plane that joins the list of all members. With the list of the last
# one that joined, etcd starts without its data all the same, and votes for a leader that may lack what this member
# acknowledged. So there etcd restarts once with its own name alone, as kubeadm writes the list later. A list of two members
# stays: nothing is lost, since each change needs both members, and the restart of one of two would stop the API. The argument
# of an interrupted recovery, --force-new-cluster, goes, too: with it etcd forgets its other members at each start.
# Needs: ETCD_CLUSTER_STATE NODE_IP; lib/clients.sh lib/etcd.sh lib/kubeadm.sh lib/patches.sh lib/static_pods.sh

guard_etcd() {
  refuse_second_manifests
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
