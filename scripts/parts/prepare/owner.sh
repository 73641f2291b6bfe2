# shellcheck shell=bash
# One machine belongs to one stack, under one name, and what another cluster left on it is never touched.
# Needs: CLUSTER_ID; lib/kubeadm.sh
. "$LIBRARY/lib/kubeadm.sh"

owner=$(mark "$OWNER_MARK")
if [[ -n $owner && $owner != "$CLUSTER_ID" ]]; then
  fail "a machine of stack $CLUSTER_ID, or of none" "the machine belongs to stack $owner" \
    "remove the host from that stack first, or, if that stack is gone: rm -rf $STATE"
fi
if [[ -z $owner && -n $(find /etc/kubernetes /var/lib/etcd -mindepth 1 \( -name '*.conf' -o -name '*.yaml' -o -name member \) -print -quit 2>/dev/null) ]]; then
  fail "a machine without Kubernetes" "files of another cluster in /etc/kubernetes or /var/lib/etcd" \
    "if that cluster is not needed any more: kubeadm reset --force && rm -rf /etc/cni/net.d /var/lib/etcd/* /etc/kubernetes $STATE"
fi
remember "$OWNER_MARK" "$CLUSTER_ID"

# Under a second name a node would join again, and be reset when its first name leaves the stack.
name=$(mark "$HOST_NAME_MARK")
if [[ -n $name && $name != "$HOST_NAME" && -e $KUBELET_CONF ]]; then
  fail "a machine that is no node yet, or is node $HOST_NAME" "it is node $name of this cluster" \
    "put $name back into the stack file; to rename it: delete its line, pulumi up, add $HOST_NAME, pulumi up"
fi
remember "$HOST_NAME_MARK" "$HOST_NAME"
