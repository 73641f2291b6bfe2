# shellcheck shell=bash
# What kubeadm writes once, into certificates, kubeconfigs and objects, is what the stack says. A preview refuses such a change;
# here it is met after a destroy that left the cluster as it was.
# Needs: CLUSTER_IDENTITY

identity=$(mark "$CLUSTER_IDENTITY_MARK")
if [[ -n $identity && $identity != "$CLUSTER_IDENTITY" ]]; then
  fail "the cluster that is on this machine: $CLUSTER_IDENTITY" "$identity" \
    "set the stack file back to it; or, if that cluster is not needed any more, on every host: sudo sh -c 'kubeadm reset --force && rm -rf /etc/cni/net.d /var/lib/etcd/* $STATE'"
fi
remember "$CLUSTER_IDENTITY_MARK" "$CLUSTER_IDENTITY"
