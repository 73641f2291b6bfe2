# shellcheck shell=bash
# The node of a further control plane gets an invitation if it has to join. etcd takes one new member at a time, and only while
# all others are well.
# Needs: NODE_IP NODE_NAME; lib/etcd.sh lib/join_token.sh lib/messages.sh lib/nodes.sh

# remove_half_member: remove the member of an interrupted join. A learner has no vote, and etcd refuses a second member with
# its address.
remove_half_member() {
  local id
  read -r id _ <<<"$MEMBER"
  wait_for "$ANSWER_SECONDS" "etcd to remove the member at $NODE_IP, whose join was cut short" \
    "crictl logs \$(crictl ps --quiet --name '^etcd\$')" member_is_removed "$id"
  changed "the member of etcd at $NODE_IP, whose join was cut short, is removed"
}

# upload_certificates: put the certificates of the cluster into a secret, which the join deletes. KEY decrypts them.
upload_certificates() {
  local configuration=$STAGING/upload.yaml version
  KEY=$(kubeadm certs certificate-key)
  ask "the API server to show kubeadm's configuration" kubectl --namespace kube-system get configmap kubeadm-config \
    --output 'jsonpath={.data.ClusterConfiguration}'
  version=$(grep '^apiVersion: ' <<<"$ANSWER")
  printf '%s\n---\n%s\nkind: InitConfiguration\ncertificateKey: %s\n' "$ANSWER" "$version" "$KEY" >"$configuration"
  kubeadm init phase upload-certs --upload-certs --skip-certificate-key-print --config "$configuration" &>"$STAGING/kubeadm" ||
    fail "kubeadm to upload the certificates" "$(failure_lines "$STAGING/kubeadm")" "kubeadm certs check-expiration"
  rm "$configuration"
}

# is_joined: whether the control plane has joined. kubeadm sets its label at the end of a join. A node that was deleted by hand
# has lost the label: then the API server of the machine decides, which serves only once its member of etcd has a vote, and the
# machine sets the label again.
is_joined() {
  [[ $MEMBER == *" false" ]] || return 1
  is_control_plane_node "$NODE_NAME" || comes_true 120 serves "$NODE_IP"
}

# own_address: the address of this machine. It fails for an empty one, with which the machine that joins would have the name of
# the API without an address in its /etc/hosts.
own_address() {
  kubectl get node "$HOST_NAME" --output 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}' | grep .
}

find_member "$NODE_IP"
if ! is_joined; then
  # First: the member may be one of a control plane that is off, whose node was deleted by hand. The others have all its data.
  wait_for_others "$NODE_IP"
  [[ -z $MEMBER ]] || remove_half_member
  upload_certificates
  make_token
  ask "the API server to show the address of this control plane" own_address
  printf '%s\n%s\n%s\n' "$TOKEN" "$KEY" "$ANSWER" >"$STAGING/invitation"
fi
