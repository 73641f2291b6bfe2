# shellcheck shell=bash
# The node is out of the cluster, whose control plane this machine is.
# Needs: WORKER_NAME; lib/kubeadm.sh lib/static_pods.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/etcd.sh"
. "$LIBRARY/lib/endpoints.sh"

export KUBECONFIG=$ADMIN_CONF
# A membership that 0.2.0 recorded is a worker's, for as long as a state may have one.
if [[ -n ${WORKER_NAME:-} ]]; then
  NODE_NAME=$WORKER_NAME NODE_ROLE=worker NODE_IP='' IS_GONE=false
fi
end_half_done
. "$LIBRARY/parts/membership/leave.sh"
step_is_done
