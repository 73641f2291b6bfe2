# shellcheck shell=bash
# The node is out of the cluster, whose control plane this machine is.
# Needs: lib/kubeadm.sh lib/static_pods.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/etcd.sh"
. "$LIBRARY/lib/endpoints.sh"

export KUBECONFIG=$ADMIN_CONF
end_half_done
. "$LIBRARY/parts/membership/leave.sh"
step_is_done
