# shellcheck shell=bash
# The owner of this machine: one cluster, known by its identity, which is minted once. Its name is for messages.
# Needs: CLUSTER_ID CLUSTER_NAME

# refuse_other_cluster: end the step on a machine of another cluster.
refuse_other_cluster() {
  local owner
  owner=$(mark "$OWNER_MARK")
  [[ -z $owner || $owner == "$CLUSTER_ID" ]] ||
    fail "a machine of cluster $CLUSTER_NAME ($CLUSTER_ID), or of none" \
      "it belongs to cluster $(mark "$CLUSTER_NAME_MARK") ($owner)" \
      "remove the host from the stack of that cluster first; or, if the state of that stack is lost and this stack takes its \
cluster over: \`id: $owner\` in kubeadm:cluster of the stack file, then pulumi up"
}
