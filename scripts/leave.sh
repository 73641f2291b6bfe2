# shellcheck shell=bash
# The node of a worker is out of the cluster: drained if it can be, and deleted. Run on the control plane.
. "$LIBRARY/lib.sh"
. "$LIBRARY/nodes.sh"

export KUBECONFIG=/etc/kubernetes/admin.conf

kubectl get --raw /readyz &>/dev/null ||
  fail "the API server to be ready" "$(kubectl get --raw /readyz 2>&1 | tail -n 3)" "crictl ps -a; journalctl -u kubelet -n 50"
if kubectl get node "$WORKER_NAME" &>/dev/null; then
  # A machine that is down can end no pod; the API does it when the node is gone.
  if [[ $(node_condition "$WORKER_NAME") == True ]]; then
    drain "$WORKER_NAME" "mend what keeps these pods, or raise policy.drainTimeoutSeconds; then pulumi up"
  fi
  kubectl delete node "$WORKER_NAME" >/dev/null
  changed "node $WORKER_NAME is deleted"
fi
rm -f "$STATE/taints-of-$WORKER_NAME"
