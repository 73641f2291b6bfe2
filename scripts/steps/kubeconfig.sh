# shellcheck shell=bash
# Returns the kubeconfig of the stack, sealed, with the day on which it expires. Each run makes a new user, and one binding
# gives the rights of cluster-admin to this user alone. So the kubeconfig of an earlier run opens nothing any more, and without
# the binding this one opens nothing either. The rights of admin.conf could not be taken back.
# Needs: PROVIDER; lib/certificates.sh lib/kubeadm.sh lib/messages.sh lib/results.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/certificates.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/results.sh"

export KUBECONFIG=$ADMIN_CONF
made=$STAGING/kubeconfig

make_kubeconfig() {
  kubeadm kubeconfig user --client-name "$user" --config "$KUBEADM_CONFIG" >"$made" 2>"$STAGING/kubeadm" ||
    fail "kubeadm to make a kubeconfig" "$(failure_lines "$STAGING/kubeadm")" "kubeadm certs check-expiration"
}
bind_user() {
  kubectl apply --filename - <<BINDING
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: $PROVIDER
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: cluster-admin
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: User
  name: $user
BINDING
}
user_has_rights() { kubectl --kubeconfig "$made" auth can-i '*' '*' --all-namespaces; }

# restore_rights: give the binding back to the user of the earlier kubeconfig, which the stack keeps if this run returns none.
restore_rights() {
  user=$before
  [[ -z $before ]] || comes_true "$ANSWER_SECONDS" bind_user || changed "user $before has no rights any more"
}

grep --quiet '^clusters:' "$ADMIN_CONF" ||
  fail "a kubeconfig at $ADMIN_CONF" "$(ls -l "$ADMIN_CONF" 2>&1)" \
    "kubeadm init phase kubeconfig admin --config $KUBEADM_CONFIG"
user=$PROVIDER:$(openssl rand -hex 4)
make_kubeconfig
expires=$(kubeconfig_expiry "$made")
binding="clusterrolebinding $PROVIDER"
ask "the API server to show the $binding" kubectl get clusterrolebinding "$PROVIDER" --ignore-not-found \
  --output 'jsonpath={.subjects[0].name}'
before=$ANSWER
trap restore_rights EXIT
wait_for "$ANSWER_SECONDS" "the API server to take the $binding" \
  "kubectl describe $binding; with another role: kubectl delete $binding; then pulumi up" bind_user
wait_for "$ANSWER_SECONDS" "user $user to have the rights of cluster-admin" "kubectl describe $binding" user_has_rights
{
  echo "# expires $expires"
  cat "$made"
} >"$STAGING/result"
return_secret "$STAGING/result"
trap - EXIT
changed "the stack's kubeconfig is of user $user, and those before are revoked"
step_is_done
