# shellcheck shell=bash
# Makes a join token for one node.
# Needs: NODE_NAME; lib/messages.sh

JOIN_TOKEN_TTL=15m

# make_token: TOKEN is a fresh token. The join that uses the token deletes it.
make_token() {
  TOKEN=$(kubeadm token create --ttl "$JOIN_TOKEN_TTL" --description "join of $NODE_NAME" 2>"$STAGING/kubeadm") ||
    fail "a join token" "$(failure_lines "$STAGING/kubeadm")" "kubeadm token create"
  let_delete_itself "$TOKEN"
}

# let_delete_itself TOKEN: allow the user of the token to delete this token, and nothing else. The permission goes with the
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
