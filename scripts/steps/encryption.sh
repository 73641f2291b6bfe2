# shellcheck shell=bash
# Every Secret in etcd is written with the first key of the stack, or with none. Every API server reads with all keys by now.
# Needs: NODE_IP WRITER; lib/api_server.sh lib/encryption.sh lib/etcd_answers.sh lib/kubeadm.sh lib/nodes.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/etcd.sh"
. "$LIBRARY/lib/vip.sh"
. "$LIBRARY/lib/clients.sh"
. "$LIBRARY/lib/api_server.sh"
. "$LIBRARY/lib/encryption.sh"

export KUBECONFIG=$ADMIN_CONF

# shellcheck disable=SC2153 # the caller sets WRITER
all_are_written() {
  local writers
  writers=$(secret_writers) || return 1
  [[ -z $writers ]] || ! grep --quiet --invert-match " $WRITER\$" <<<"$writers" || { echo "$writers" && return 1; }
}

# rewrite: write every Secret anew with the first key, without a change of its content. The requests go to the API server of
# this machine: behind a load balancer another one may answer, which still writes with the former key.
rewrite() {
  local server=https://$NODE_IP:6443 namespaces namespace
  namespaces=$(kubectl --server "$server" get secrets --all-namespaces \
    --output 'jsonpath={range .items[*]}{.metadata.namespace}{"\n"}{end}' | sort --unique) || return 1
  while read -r namespace; do
    [[ -n $namespace ]] || continue
    kubectl --server "$server" --namespace "$namespace" get secrets --output json |
      kubectl --server "$server" replace --filename - >/dev/null || return 1
  done <<<"$namespaces"
}
are_rewritten() { all_are_written || { rewrite && all_are_written; }; }

put_back_encryption
wait_for 240 "the API server to be ready" "crictl ps -a; journalctl -u kubelet -n 50" api_is_ready
keys=$(keys_in_use)
grep --quiet --extended-regexp "^$WRITER( |\$)" <<<"$keys" ||
  fail "key $WRITER in $ENCRYPTION, from the step before" "the keys $(names_of <<<"$keys" | paste --serial --delimiters ' ')" \
    "make repair STACK=... HOST=$HOST_NAME; then pulumi up"
stage_encryption "$WRITER" <<<"$keys"
change_encryption "less $LOGS/$STEP.log; then pulumi up; Secrets are written as before"
ask "etcd to say with which keys Secrets are written" secret_writers
if [[ -n $ANSWER && $ANSWER != *([[:space:]])+([0-9])" $WRITER" ]]; then
  wait_for 300 "every Secret to be written anew with $WRITER" \
    "kubectl get secrets --all-namespaces; a webhook may refuse one of them; then pulumi up" are_rewritten
  changed "every Secret is written anew with $WRITER"
fi
step_is_done
