# shellcheck shell=bash
# Settings that kubeadm writes once, into certificates, kubeconfigs and objects, are those of the stack. A preview refuses
# their change. After a destroy that left the cluster running the preview knows no earlier settings, and this part refuses the
# change.
# Needs: CLUSTER_IDENTITY NODE_IP

without_endpoint() { sed --regexp-extended 's/ endpoint [^,]+,//' <<<"$1"; }

# The part endpoint.sh leads a cluster from an address, or the name of its only control plane, to a name, and writes the new
# identity at its end. An edit that is taken back before that finds the old identity.
ENDPOINT_IS_ADDRESS=' endpoint [0-9.]+(:[0-9]+)?,'
ENDPOINT_IS_HOST=" endpoint ${HOST_NAME//./[.]}(:[0-9]+)?,"
identity=$(mark "$CLUSTER_IDENTITY_MARK")
# 0.2.0 wrote the address of the only control plane into the identity, and not into a mark of its own.
if [[ $identity == *' node '* ]]; then
  address=$(sed --regexp-extended 's/.* node ([^,]+),.*/\1/' <<<"$identity")
  identity=$(sed --regexp-extended 's/ node [^,]+,//' <<<"$identity")
  is_marked "$NODE_ADDRESS_MARK" || remember "$NODE_ADDRESS_MARK" "$address"
fi
there=$(without_endpoint "$identity")
wanted=$(without_endpoint "$CLUSTER_IDENTITY")
moves_endpoint=false
if [[ $there == "$wanted" && $identity =~ $ENDPOINT_IS_ADDRESS|$ENDPOINT_IS_HOST ]]; then
  [[ $CLUSTER_IDENTITY =~ $ENDPOINT_IS_ADDRESS ]] || moves_endpoint=true
fi
if [[ -n $identity && $identity != "$CLUSTER_IDENTITY" && $moves_endpoint == false ]]; then
  fail "the cluster that is on this machine: $CLUSTER_IDENTITY" "$identity" \
    "set the stack file back to what was seen, then pulumi up; for another cluster: docs/how-to/foreign-machine.md"
fi
[[ $moves_endpoint == true ]] || remember "$CLUSTER_IDENTITY_MARK" "$CLUSTER_IDENTITY"

address=$(mark "$NODE_ADDRESS_MARK")
if [[ -n $address && $address != "$NODE_IP" ]]; then
  fail "the control plane at $NODE_IP" "its certificates and etcd have $address" \
    "set the address of $HOST_NAME back to $address in the stack file, then pulumi up"
fi
remember "$NODE_ADDRESS_MARK" "$NODE_IP"
