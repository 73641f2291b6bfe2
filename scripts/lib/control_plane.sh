# shellcheck shell=bash
# A control plane that exists, whether this machine initialised it or joined it.
# Needs: CERTIFICATE_GENERATION CLUSTER_CONFIGURATION_SHA256 CLUSTER_IDENTITY CONTROL_PLANE_TAINTS DRAIN_TIMEOUT_SECONDS
#   KUBELET_CONFIGURATION_SHA256 KUBERNETES_VERSION KUBE_PROXY_CONFIGURATION_SHA256 VXLAN_MODE; lib/api_server.sh lib/clients.sh
#   lib/encryption.sh lib/kube_proxies.sh lib/kubeadm.sh lib/kubelet.sh lib/nodes.sh lib/static_pods.sh lib/unsynced.sh

has_all_of_kubeadm() {
  api_is_ready &&
    kubectl --namespace kube-system get configmap kubeadm-config kubelet-config kube-proxy coredns &&
    kubectl --namespace kube-system get daemonset/kube-proxy deployment/coredns &&
    kubectl --namespace kube-public get configmap cluster-info
} &>/dev/null
cluster_is_complete() { has_all_of_kubeadm && kubectl get node "$HOST_NAME"; } &>/dev/null

# remember_values: write marks of the values that kubeadm starts with. After an interruption a later run, with other values,
# knows which values were applied.
remember_values() {
  remember "$CLUSTER_IDENTITY_MARK" "$CLUSTER_IDENTITY"
  remember "$CONTROL_PLANE_VERSION_MARK" "$KUBERNETES_VERSION"
  remember "$CLUSTER_CONFIGURATION_MARK" "$CLUSTER_CONFIGURATION_SHA256"
  remember "$KUBELET_CONFIGURATION_MARK" "$KUBELET_CONFIGURATION_SHA256"
  remember "$KUBE_PROXY_CONFIGURATION_MARK" "$KUBE_PROXY_CONFIGURATION_SHA256"
  remember "$VXLAN_MODE_MARK" "$VXLAN_MODE"
  remember "$CONTROL_PLANE_TAINTS_MARK" "$CONTROL_PLANE_TAINTS"
  remember "$CERTIFICATE_GENERATION_MARK" "$CERTIFICATE_GENERATION"
}

# register_again: restart the kubelet, which registers its node only when it starts.
register_again() {
  systemctl restart kubelet
  wait_for 60 "the node to be registered" "journalctl -u kubelet -n 50" kubectl get node "$HOST_NAME"
  changed "the node, which had been deleted, is registered again"
}

# upload_kubelet_configuration: put the stack's KubeletConfiguration into its ConfigMap, from which kubeadm writes the file of
# a node that joins or is upgraded.
upload_kubelet_configuration() {
  run_kubeadm "kubeadm init phase upload-config kubelet" init phase upload-config kubelet --config "$KUBEADM_CONFIG"
}

# mark_node: give the node of a control plane kubeadm's label, taints and annotation. A node that registered again has none of
# them.
mark_node() {
  local phase="init phase mark-control-plane --config $KUBEADM_CONFIG"
  # The label comes last: without it the next run begins anew.
  upload_kubelet_configuration
  # shellcheck disable=SC2086 # words
  run_kubeadm "kubeadm $phase" $phase
  changed "the node, which had registered again, is marked as a control plane"
}

# restore_marks: write the mark `initialized` of a running cluster, which was lost. The values of this step are wanted, but may
# not be applied: other lost marks stay absent, and the parts apply the values again. The version is known if API server and
# kubelet agree.
restore_marks() {
  local version
  version=$(manifest_version)
  find_node "$HOST_NAME"
  if [[ -n $NODE ]] && ! is_marked "$CONTROL_PLANE_VERSION_MARK"; then
    ask "the API server to say which version the kubelet has" node_version "$HOST_NAME"
    [[ $ANSWER != "v$version" ]] || remember "$CONTROL_PLANE_VERSION_MARK" "$version"
  fi
  remember "$INITIALIZED_MARK" yes
  changed "the cluster runs, its mark was missing and is written"
}

# keep_control_plane: bring the control plane of this machine to the settings of the stack, once it is initialised or has
# joined.
keep_control_plane() {
  trap let_clients_in EXIT
  . "$LIBRARY/parts/control_plane/identity.sh"
  if is_marked "$INITIALIZED_MARK"; then
    # The API server may need any of these files to answer.
    put_back_lost_files
    put_back_kubelet_configuration
    put_back_half_done
    put_back_encryption
    if ! has_api_certificate; then
      make_api_certificate
      changed "the certificate of the API server, which was missing, is made"
    fi
    # shellcheck source=/dev/null
    . "$LIBRARY/parts/control_plane/renewal.sh"
  fi
  wait_for 240 "the API server to be ready" "crictl ps -a; journalctl -u kubelet -n 50" api_is_ready
  find_node "$HOST_NAME"
  [[ -n $NODE ]] || register_again
  is_control_plane_node "$HOST_NAME" || mark_node
  wait_for 60 "the cluster to have the objects that kubeadm makes" \
    "kubectl --kubeconfig $ADMIN_CONF get nodes,pods --all-namespaces" cluster_is_complete
  is_marked "$INITIALIZED_MARK" || sync_kubeadm_files
  remember "$INITIALIZED_MARK" yes
  remember "$DRAIN_TIMEOUT_MARK" "$DRAIN_TIMEOUT_SECONDS"
  put_back_kube_proxy_configuration
  put_policies
  learn_keys
  for part in upgrade reconfigure guard endpoint expiry; do
    # shellcheck source=/dev/null
    . "$LIBRARY/parts/control_plane/$part.sh"
  done
  remove_old_policies
  remove_old_keys
  let_clients_in
  apply_taints "$HOST_NAME" "$CONTROL_PLANE_TAINTS" "$CONTROL_PLANE_TAINTS_MARK"
}
