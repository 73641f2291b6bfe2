# shellcheck shell=bash
# One machine belongs to one cluster, under one name, and files of another cluster are never touched.
# Needs: CLUSTER_ID CLUSTER_NAME; lib/kubeadm.sh lib/owner.sh
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/owner.sh"

refuse_other_cluster
owner=$(mark "$OWNER_MARK")
found=
for directory in /etc/kubernetes /var/lib/etcd; do
  [[ -z $found && -d $directory ]] || continue
  found=$(find -H "$directory" -mindepth 1 \( -name '*.conf' -o -name '*.yaml' -o -name member \) -print -quit)
done
if [[ -z $owner && -n $found ]]; then
  fail "a machine without Kubernetes" "a file of another cluster: $found" \
    "if the machine is a node of cluster $CLUSTER_NAME whose mark was lost: make repair STACK=... HOST=$HOST_NAME; \
for another cluster: docs/how-to/foreign-machine.md"
fi
remember "$CLUSTER_NAME_MARK" "$CLUSTER_NAME"
remember "$OWNER_MARK" "$CLUSTER_ID"

# Under a second name a node would join again, and be reset when its first name leaves the stack.
name=$(mark "$HOST_NAME_MARK")
if [[ -n $name && $name != "$HOST_NAME" && -e $KUBELET_CONF ]]; then
  fail "a machine that is no node yet, or is node $HOST_NAME" "it is node $name of this cluster" \
    "put $name back into the stack file; to rename it: delete its line, pulumi up, add $HOST_NAME, pulumi up"
fi
remember "$HOST_NAME_MARK" "$HOST_NAME"
