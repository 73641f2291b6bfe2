# shellcheck shell=bash
# One machine belongs to one stack, and what another cluster left on it is never touched.

if [[ -f $STATE/owner && $(<"$STATE/owner") != "$CLUSTER_ID" ]]; then
  fail "a machine of stack $CLUSTER_ID, or of none" "the machine belongs to stack $(<"$STATE/owner")" \
    "remove the host from that stack first, or, if that stack is gone: rm $STATE/owner"
fi
if [[ ! -f $STATE/owner && -n $(find /etc/kubernetes /var/lib/etcd -mindepth 1 \( -name '*.conf' -o -name '*.yaml' -o -name member \) -print -quit 2>/dev/null) ]]; then
  fail "a machine without Kubernetes" "files of another cluster in /etc/kubernetes or /var/lib/etcd" \
    "if that cluster is not needed any more: kubeadm reset --force && rm -rf /etc/cni/net.d /var/lib/etcd/* /etc/kubernetes"
fi
[[ -f $STATE/owner ]] || printf '%s' "$CLUSTER_ID" >"$STATE/owner"

# Under a second name a node would join again, and be reset when its first name leaves the stack.
if [[ -f $STATE/host-name && $(<"$STATE/host-name") != "$HOST_NAME" && -e /etc/kubernetes/kubelet.conf ]]; then
  fail "a machine that is no node yet, or is node $HOST_NAME" "it is node $(<"$STATE/host-name") of this cluster" \
    "put $(<"$STATE/host-name") back into the stack file; to rename it: delete its line, pulumi up, add $HOST_NAME, pulumi up"
fi
printf '%s' "$HOST_NAME" >"$STATE/host-name"
