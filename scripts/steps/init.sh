# shellcheck shell=bash
# The host is the control plane of a running cluster, in the version and with the settings of the stack. The API is ready, the
# objects that kubeadm makes exist, and the node is registered; then, last, the mark `initialized` is written. admin.conf proves
# nothing: kubeadm writes it early.
# Needs: CERTIFICATE_GENERATION CLUSTER_CONFIGURATION_SHA256 CLUSTER_IDENTITY CONTROL_PLANE_TAINTS DRAIN_TIMEOUT_SECONDS
#   IGNORE_PREFLIGHT_ERRORS KUBELET_CONFIGURATION_SHA256 KUBERNETES_VERSION KUBE_PROXY_CONFIGURATION_SHA256 RESET_ON_FAILURE
#   VXLAN_MODE; lib/containerd.sh lib/kubeadm.sh lib/kubelet.sh lib/nodes.sh lib/static_pods.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubelet.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/static_pods.sh"

RESET="kubeadm reset --force && rm -rf /etc/cni/net.d /var/lib/etcd/* $STATE/$INIT_STARTED_MARK"
export KUBECONFIG=$ADMIN_CONF

has_all_of_kubeadm() {
  api_is_ready &&
    kubectl --namespace kube-system get configmap kubeadm-config kubelet-config kube-proxy coredns &&
    kubectl --namespace kube-system get daemonset/kube-proxy deployment/coredns &&
    kubectl --namespace kube-public get configmap cluster-info
} &>/dev/null
cluster_is_complete() { has_all_of_kubeadm && kubectl get node "$HOST_NAME"; } &>/dev/null

reset_half_done() {
  [[ $RESET_ON_FAILURE == true ]] ||
    fail "an init that went to its end, or none" "an init of this stack that was cut short" \
      "on $HOST_NAME: sudo sh -c '$RESET'; or set policy.resetOnFailure in the stack file; then pulumi up"
  run_kubeadm "kubeadm reset --force" reset --force
  # /var/lib/etcd may be a mount point: its content goes, the directory stays.
  rm -rf /etc/cni/net.d /var/lib/etcd/*
  forget "$INIT_STARTED_MARK"
  changed "the half-done init is reset"
  containerd_serves # after a power cut containerd may have ended while pods were removed
}

# The values are those that kubeadm starts with: a later run, with other values after an interruption, knows what holds.
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

run_init() {
  check_before init "$IGNORE_PREFLIGHT_ERRORS"
  remember_values
  remember "$INIT_STARTED_MARK" yes
  run_kubeadm "journalctl -u kubelet -n 50; crictl ps -a; then on $HOST_NAME: sudo sh -c '$RESET'; pulumi up" \
    init --config "$KUBEADM_CONFIG" --skip-phases=preflight --skip-token-print
  changed "kubeadm init is done"
}

# A kubelet registers its node when it starts, and only then.
register_again() {
  systemctl restart kubelet
  wait_for 60 "the node to be registered" "journalctl -u kubelet -n 50" kubectl get node "$HOST_NAME"
  changed "the node, which had been deleted, is registered again"
}

# The rest of a control plane's node is kubeadm's: label, taints, annotation. A node that a kubelet registered again has none.
is_control_plane_node() {
  # shellcheck disable=SC2016 # the template has variables of its own
  ask "the API server to say which labels node $HOST_NAME has" kubectl get node "$HOST_NAME" --output \
    'go-template={{range $name, $value := .metadata.labels}}{{$name}}{{"\n"}}{{end}}'
  grep --quiet --line-regexp --fixed-strings node-role.kubernetes.io/control-plane <<<"$ANSWER"
}
mark_node() {
  local phase="init phase mark-control-plane --config $KUBEADM_CONFIG"
  # The label comes last: without it the next run begins anew.
  run_kubeadm "kubeadm init phase upload-config kubelet" init phase upload-config kubelet --config "$KUBEADM_CONFIG"
  # shellcheck disable=SC2086 # words
  run_kubeadm "kubeadm $phase" $phase
  changed "the node, which had registered again, is marked as a control plane"
}

# restore_marks: write the missing mark `initialized` of a running cluster. The values of the step are wanted, not applied:
# other lost marks stay absent, and the parts apply the values again. The version is known if API server and kubelet agree.
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

containerd_serves
# shellcheck disable=SC2153 # run.sh sets MODE
if [[ $MODE == verify ]] && ! is_marked "$INITIALIZED_MARK"; then
  # An update made this cluster. Where it runs, only its mark was lost; where it does not, nothing is initialised or reset.
  { [[ -f $KUBECONFIG ]] && comes_true 60 has_all_of_kubeadm; } ||
    fail "the control plane that this stack made" "a machine without $STATE/$INITIALIZED_MARK, and no cluster that answers" \
      "crictl ps --all; journalctl -u kubelet -n 50; where its data are lost: docs/runbooks.md, \
\"The control plane's machine is lost\""
  restore_marks
elif ! is_marked "$INITIALIZED_MARK"; then
  if is_marked "$INIT_STARTED_MARK"; then
    # After a reboot the API of a complete cluster does not answer at once.
    if [[ -f $KUBECONFIG ]] && comes_true 240 cluster_is_complete; then restore_marks; else reset_half_done; fi
  fi
  is_marked "$INIT_STARTED_MARK" || run_init
fi
. "$LIBRARY/parts/init/identity.sh"
if is_marked "$INITIALIZED_MARK"; then
  # Each may be what the API server needs to answer.
  put_back_kubelet_configuration
  put_back_half_done
  if ! has_api_certificate; then
    make_api_certificate
    changed "the certificate of the API server, which was missing, is made"
  fi
  # shellcheck source=/dev/null
  . "$LIBRARY/parts/init/renewal.sh"
fi
wait_for 240 "the API server to be ready" "crictl ps -a; journalctl -u kubelet -n 50" api_is_ready
if [[ $MODE == verify ]]; then
  find_node "$HOST_NAME"
  [[ -n $NODE ]] || register_again
  is_control_plane_node || mark_node
fi
wait_for 60 "the cluster to have the objects that kubeadm makes" \
  "kubectl --kubeconfig $KUBECONFIG get nodes,pods --all-namespaces" cluster_is_complete
is_marked "$INITIALIZED_MARK" || sync_kubeadm_files
remember "$INITIALIZED_MARK" yes
remember "$DRAIN_TIMEOUT_MARK" "$DRAIN_TIMEOUT_SECONDS"
for part in upgrade reconfigure expiry; do
  # shellcheck source=/dev/null
  . "$LIBRARY/parts/init/$part.sh"
done
apply_taints "$HOST_NAME" "$CONTROL_PLANE_TAINTS" "$CONTROL_PLANE_TAINTS_MARK"
step_is_done
