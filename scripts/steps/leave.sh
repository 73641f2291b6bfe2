# shellcheck shell=bash
# The node of a worker is out of the cluster: drained if it can be, and deleted. Run on the control plane.
# Needs: WORKER_NAME; lib/kubeadm.sh lib/nodes.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"

export KUBECONFIG=$ADMIN_CONF

find_node "$WORKER_NAME"
if [[ -n $NODE ]]; then
  drain "$WORKER_NAME" "remove what keeps these pods on the node, or raise policy.drainTimeoutSeconds; then pulumi up"
  kubectl delete node "$WORKER_NAME" >/dev/null
  changed "node $WORKER_NAME is deleted"
fi
taints_mark=$(worker_taints_mark "$WORKER_NAME")
forget "$taints_mark"
forget "$(unfinished_taints_mark "$taints_mark")"
step_is_done
