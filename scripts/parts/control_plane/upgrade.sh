# shellcheck shell=bash
# The control plane runs in the stack's version. The mark is written last, so the next run goes on with an interrupted upgrade.
# Needs: IGNORE_PREFLIGHT_ERRORS KUBERNETES_VERSION LEADS NODE_IP; lib/bundle.sh lib/clients.sh lib/control_plane.sh
#   lib/etcd.sh lib/kubeadm.sh lib/kubelet.sh lib/nodes.sh lib/packages.sh lib/patches.sh lib/static_pods.sh
#   lib/unsynced.sh lib/written.sh

runs_in_version() {
  local condition version
  condition=$(node_condition "$HOST_NAME") && version=$(node_version "$HOST_NAME") || return 1
  [[ $condition == True && $version == "v$KUBERNETES_VERSION" ]]
}

upgrade_control_plane() {
  local how=(node)
  [[ $LEADS != true ]] || how=(apply "v$KUBERNETES_VERSION" --yes)
  refuse_second_manifests
  wait_for_others "$NODE_IP"
  make_bundle "before-$KUBERNETES_VERSION"
  install_held kubeadm
  keep_unsynced
  wait_for_others "$NODE_IP" # also after the bundle and the package, for which minutes may have gone
  lead_elsewhere "$NODE_IP"
  divert_clients
  write_patches
  # The new kubelet ends with a feature gate that it does not know. So the configuration of the stack, which has this gate no
  # more, is uploaded first.
  [[ $LEADS != true ]] || upload_kubelet_configuration
  forget_written "${WRITTEN_MANIFESTS[@]}" "$KUBELET_CONFIG"
  forget_unedited "$KUBELET_FLAGS"
  forget_unedited "$MANIFESTS/etcd.yaml" # kubeadm leaves an etcd alone whose version stays
  run_kubeadm "mend what it names, then pulumi up; etcd as it was: $BUNDLE" \
    upgrade "${how[@]}" --patches "$PATCHES" --ignore-preflight-errors="$IGNORE_PREFLIGHT_ERRORS"
  sync_kubeadm_files
  cmp --silent "$UNSYNCED_BEFORE$MANIFESTS/etcd.yaml" "$MANIFESTS/etcd.yaml" || forget_written "$MANIFESTS/etcd.yaml"
  judge_edited_flags
  drop "$UNSYNCED_BEFORE"
  changed "the control plane runs Kubernetes $KUBERNETES_VERSION"
}

upgrade_node() {
  drain "$HOST_NAME" "remove what keeps these pods on the node, or raise policy.drainTimeoutSeconds; then pulumi up"
  install_held kubelet kubectl
  systemctl daemon-reload
  systemctl restart kubelet
  wait_for 300 "the node to be Ready with kubelet $KUBERNETES_VERSION" "journalctl -u kubelet -n 50" runs_in_version
  wait_for 300 "the API server to be ready for some time" "crictl ps -a; journalctl -u kubelet -n 50" api_has_settled
  # The controllers restarted, too. Until they have caught up, services send to pods of the next node that have ended. When the
  # new kube-proxy is on every node, the controllers have caught up. A node that is down never gets it, hence the time limit.
  timeout --foreground 200 kubectl --namespace kube-system rollout status daemonset/kube-proxy --timeout=180s &>/dev/null ||
    changed "the new kube-proxy is not on every node yet"
}

# A new kubelet restarts the static pods some time after the node is Ready.
api_has_settled() {
  local look
  for ((look = 0; look < 20; look++)); do
    api_is_ready || return 1
    sleep 1
  done
}

if [[ $(mark "$CONTROL_PLANE_VERSION_MARK") != "$KUBERNETES_VERSION" ]]; then
  upgrade_control_plane
  ask "the API server to say whether the node is Ready" node_condition "$HOST_NAME"
  condition=$ANSWER
  ask "the API server to say which version the kubelet has" node_version "$HOST_NAME"
  [[ $condition == True && $ANSWER == "v$KUBERNETES_VERSION" ]] || upgrade_node
  let_clients_in
  remember "$CONTROL_PLANE_VERSION_MARK" "$KUBERNETES_VERSION"
fi
give_back "$HOST_NAME"
