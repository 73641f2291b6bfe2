# shellcheck shell=bash
# Writes lost marks of the owner again, on a machine that is in the cluster of this stack, or in none. Returns whether the
# machine is a node: its kubelet has a kubeconfig. Files of kubeadm that somebody edited become what the last update left, here
# or in the init or join that follows.
# Needs: CLUSTER_AUTHORITY CLUSTER_ID CLUSTER_NAME CONTROL_PLANE_VERSION; lib/kubeadm.sh lib/nodes.sh lib/written.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubelet.sh"
. "$LIBRARY/lib/written.sh"

export KUBECONFIG=$ADMIN_CONF

# refuse_other_version VERSION: an upgrade goes on when its SSH session is lost. If the version is another one, the recorded
# `init` would take it back.
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

SERVES_SECONDS=20 # one request that failed does not show that there are no clients

# put_back_edited FILE: put the copy of the last update back. If the API server serves, only the mark of a manifest is removed:
# the init or join that follows has kubeadm write the manifest again, and spares clients. Otherwise there are no clients to
# spare, and the copy is put back here. The kubelet reads its own files when it starts: their mark is removed, too, so that it
# restarts.
put_back_edited() {
  local written=$WRITTEN/${1##*/}
  if [[ ! -f $written ]] || cmp --silent "$written" "$1"; then return; fi
  changed "$1, which somebody edited or removed, becomes what the last update left"
  if [[ $1 != "$MANIFESTS"/* ]]; then
    forget "$KUBELET_CONFIGURATION_MARK"
  elif [[ -f $1 ]] && comes_true "$SERVES_SECONDS" api_is_ready; then
    forget "$CLUSTER_CONFIGURATION_MARK"
    return
  fi
  mkdir -p "${1%/*}"
  cp --preserve "$written" "$1" # not by a file beside it, of which the kubelet would start a pod, too
  sync "$1"
}

# The preparation refuses a machine of another cluster, and one that was reset by hand joins anew.
if [[ -f $KUBELET_CONF && $(mark "$OWNER_MARK") == "$CLUSTER_ID" ]]; then
  for path in "${WRITTEN_FILES[@]}"; do
    put_back_edited "$path"
  done
fi
if [[ -f $KUBELET_CONF ]]; then echo node; fi
step_is_done
