# shellcheck shell=bash
# The membership of a node, on a control plane that is not the node. Returns an invitation while the node is no Ready node:
# a fresh token, and for a control plane the key of the certificates and the address of this machine; otherwise nothing. A
# worker of another version is drained, for its machine to upgrade it. The node of a machine that is gone leaves the cluster.
# Needs: IS_GONE NODE_ROLE; lib/kubeadm.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/etcd.sh"
. "$LIBRARY/lib/join_token.sh"

export KUBECONFIG=$ADMIN_CONF
end_half_done

if [[ $IS_GONE == true ]]; then
  . "$LIBRARY/parts/membership/leave.sh"
elif [[ $NODE_ROLE == control-plane ]]; then
  . "$LIBRARY/parts/membership/control_plane.sh"
else
  . "$LIBRARY/parts/membership/worker.sh"
fi
step_is_done
