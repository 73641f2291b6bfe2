# shellcheck shell=bash
# Other nodes reach the pods of node NODE_NAME: the node has the annotations by which Calico knows its addresses. calico-node
# writes them when it starts, so a node that registered again under a running calico-node has none. Runs on the control plane.
# Needs: CALICO_ANNOTATIONS NODE_NAME; lib/kubeadm.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/kubeadm.sh"

export KUBECONFIG=$ADMIN_CONF
OF_CALICO=(--namespace kube-system --selector k8s-app=calico-node --field-selector "spec.nodeName=$NODE_NAME")

missing_annotations() {
  local name value
  for name in $CALICO_ANNOTATIONS; do
    value=$(kubectl get node "$NODE_NAME" --output \
      "go-template={{with .metadata.annotations}}{{with index . \"$name\"}}{{.}}{{end}}{{end}}") || return 1
    [[ -n $value ]] || echo "$name"
  done
}
annotations_are_there() {
  local missing
  missing=$(missing_annotations) && [[ -z $missing ]]
}
calico_is_ready() {
  local ready
  ready=$(kubectl get pods "${OF_CALICO[@]}" --output 'jsonpath={.items[*].status.containerStatuses[*].ready}') &&
    [[ $ready == true ]]
}

# A node that has just joined gets them in a moment.
if ! comes_true 20 annotations_are_there; then
  ask "the API server to show the annotations of node $NODE_NAME" missing_annotations
  if [[ -n $ANSWER ]]; then
    kubectl delete pod "${OF_CALICO[@]}" >/dev/null
    changed "calico-node of $NODE_NAME, which had not noticed that the node registered again, is restarted"
  fi
fi
wait_for 180 "calico-node of $NODE_NAME to be Ready" \
  "kubectl --namespace kube-system get pods --selector k8s-app=calico-node --output wide" calico_is_ready
wait_for 60 "the annotations ${CALICO_ANNOTATIONS//$'\n'/, } of node $NODE_NAME" \
  "kubectl --namespace kube-system logs --selector k8s-app=calico-node" annotations_are_there
step_is_done
