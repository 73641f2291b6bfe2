# shellcheck shell=bash
# Settings that kubeadm writes once, into certificates, kubeconfigs and objects, are those of the stack. A preview refuses their
# change; after a destroy that left the cluster running only this part can.
# Needs: CLUSTER_IDENTITY NODE_IP

identity=$(mark "$CLUSTER_IDENTITY_MARK")
if [[ -n $identity && $identity != "$CLUSTER_IDENTITY" ]]; then
  fail "the cluster that is on this machine: $CLUSTER_IDENTITY" "$identity" \
    "set the stack file back to what was seen, then pulumi up; for another cluster: docs/runbooks.md, \
\"A machine that carries another cluster\""
fi
remember "$CLUSTER_IDENTITY_MARK" "$CLUSTER_IDENTITY"

address=$(mark "$NODE_ADDRESS_MARK")
if [[ -n $address && $address != "$NODE_IP" ]]; then
  fail "the control plane at $NODE_IP" "its certificates and etcd have $address" \
    "set the address of $HOST_NAME back to $address in the stack file, then pulumi up"
fi
remember "$NODE_ADDRESS_MARK" "$NODE_IP"
