# shellcheck shell=bash
# The control plane's side of a worker. Returns a fresh token while the worker is no Ready node, otherwise nothing. A node of
# another version is drained, for its machine to upgrade it.
# Needs: KUBERNETES_VERSION TAINTS WORKER_NAME; lib/kubeadm.sh lib/messages.sh lib/nodes.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"

JOIN_TOKEN_TTL=15m
export KUBECONFIG=$ADMIN_CONF
taints_mark=$(worker_taints_mark "$WORKER_NAME")

# let_delete_itself TOKEN: a join deletes the token that it used, and may delete nothing else. The permission goes with the
# token, also when the token expires.
let_delete_itself() {
  local id=${1%%.*} name metadata
  name=bootstrap-token-$id
  ask "the API server to show secret $name" kubectl --namespace kube-system get secret "$name" \
    --output 'jsonpath={.metadata.uid}'
  metadata="{namespace: kube-system, name: $name, \
ownerReferences: [{apiVersion: v1, kind: Secret, name: $name, uid: $ANSWER}]}"
  wait_for "$ANSWER_SECONDS" "the API server to take role $name" "pulumi up" permit "$id" "$name" "$metadata"
}
permit() {
  kubectl apply --filename - <<PERMISSION
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: $3
rules:
- {apiGroups: [""], resources: [secrets], resourceNames: [$2], verbs: [delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: $3
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: $2}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:bootstrap:$1"}
PERMISSION
}

token=
condition=
find_node "$WORKER_NAME"
if [[ -n $NODE ]]; then
  apply_taints "$WORKER_NAME" "$TAINTS" "$taints_mark"
  ask "the API server to say which version node $WORKER_NAME has" node_version "$WORKER_NAME"
  if [[ $ANSWER != "v$KUBERNETES_VERSION" ]]; then
    drain "$WORKER_NAME" "remove what keeps these pods on the node, or raise policy.drainTimeoutSeconds; then pulumi up"
  fi
  ask "the API server to say whether node $WORKER_NAME is Ready" node_condition "$WORKER_NAME"
  condition=$ANSWER
else
  remember "$taints_mark" "$TAINTS" # the kubelet registers with them
fi
if [[ $condition != True ]]; then
  token=$(kubeadm token create --ttl "$JOIN_TOKEN_TTL" --description "join of $WORKER_NAME" 2>"$STAGING/kubeadm") ||
    fail "a join token" "$(failure_lines "$STAGING/kubeadm")" "kubeadm token create"
  let_delete_itself "$token"
fi
printf '%s' "$token"
step_is_done
