# shellcheck shell=bash
# A machine that is in the cluster of this stack, or in none, has the marks of its owner again where they were lost. Returns
# whether the machine is a node: its kubelet has a kubeconfig.
# Needs: CLUSTER_AUTHORITY CLUSTER_ID CLUSTER_NAME CONTROL_PLANE_VERSION; lib/kubeadm.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/kubeadm.sh"

# An upgrade whose SSH session was lost went on: the recorded `init` would take the version back.
refuse_other_version() {
  [[ -z $1 || $1 == "$CONTROL_PLANE_VERSION" ]] ||
    fail "a control plane of version $CONTROL_PLANE_VERSION, which the last update left" "$1, left by an interrupted update" \
      "pulumi up"
}
if [[ -n $CONTROL_PLANE_VERSION ]]; then
  refuse_other_version "$(mark "$CONTROL_PLANE_VERSION_MARK")"
  refuse_other_version "$(manifest_version)"
fi

if ! is_marked "$OWNER_MARK"; then
  if [[ -f $PKI/ca.crt ]]; then
    printf '%s' "$CLUSTER_AUTHORITY" | cmp --silent "$PKI/ca.crt" - ||
      fail "a machine of cluster $CLUSTER_NAME, or of none" "the authority of another cluster in $PKI/ca.crt" \
        "on $HOST_NAME: openssl x509 -noout -subject -dates -in $PKI/ca.crt; remove the machine from that cluster first"
  elif [[ -e /var/lib/etcd/member || -e $KUBELET_CONF ]]; then
    fail "a machine of cluster $CLUSTER_NAME, or of none" "a node without $PKI/ca.crt, which would say of which cluster" \
      "on $HOST_NAME: ls -lR /etc/kubernetes /var/lib/etcd"
  fi
  remember "$CLUSTER_NAME_MARK" "$CLUSTER_NAME"
  remember "$HOST_NAME_MARK" "$HOST_NAME"
  remember "$OWNER_MARK" "$CLUSTER_ID"
  changed "the mark of the cluster that owns the machine was lost and is written again"
fi
if [[ -f $KUBELET_CONF ]]; then echo node; fi
step_is_done
