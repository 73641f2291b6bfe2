# shellcheck shell=bash
# The worker is a Ready node: a request with the kubelet's own certificate shows the node in the API of this cluster.
# Needs: IGNORE_PREFLIGHT_ERRORS KUBELET_CONFIGURATION_SHA256 KUBERNETES_VERSION RESET_ON_FAILURE; lib/containerd.sh
#   lib/endpoint.sh lib/joining.sh lib/kubeadm.sh lib/kubelet.sh lib/nodes.sh lib/packages.sh lib/written.sh

RESET="kubeadm reset --force && rm -rf /etc/cni/net.d $STATE/$JOIN_STARTED_MARK"

node_is_registered() { [[ -f $KUBELET_CONF ]] && kubectl --kubeconfig "$KUBELET_CONF" get node "$HOST_NAME"; }
look_for_node() { hear kubectl --kubeconfig "$KUBELET_CONF" get node "$HOST_NAME" --ignore-not-found --output name; }

run_join() {
  trap 'rm -f "$DISCOVERY"' EXIT # it holds the token
  join_with "$KUBEADM_CONFIG"
}

# clean_up_half_done: before the kubelet has its certificate, a reset loses nothing. With the certificate the node may have
# been in the cluster and have run pods.
clean_up_half_done() {
  if [[ -f $KUBELET_CONF && $RESET_ON_FAILURE != true ]]; then
    fail "a join that went to its end, or none" \
      "a join of this stack that was cut short, or whose node was deleted since" \
      "on $HOST_NAME: sudo sh -c '$RESET'; or set policy.resetOnFailure in the stack file; then pulumi up"
  fi
  undo_kubeadm
  rm -rf /etc/cni/net.d
  forget "$JOIN_STARTED_MARK"
  changed "the half-done join is reset"
  containerd_begins_anew
}

# A single failed request does not tell a member from a machine that never joined.
registered=
if [[ -f $KUBELET_CONF ]] && comes_true 120 look_for_node; then
  registered=$ANSWER
fi # without an answer the checks below report the cause
if [[ -z $registered ]]; then
  check_clock
  check_token
  # The API server has answered check_token, so it may answer about the node, too.
  if [[ -f $KUBELET_CONF ]] && comes_true 1 look_for_node; then registered=$ANSWER; fi
fi
if [[ -z $registered ]]; then
  if is_marked "$JOIN_STARTED_MARK" || [[ -f $KUBELET_CONF ]]; then clean_up_half_done; fi
  run_join
fi
wait_for 120 "the node to be registered" "journalctl -u kubelet -n 50" node_is_registered
end_join
# The mark is written after the sync of end_join: if a power cut ends the join before that, a later run writes the
# configuration anew.
[[ -n $registered ]] || remember "$KUBELET_CONFIGURATION_MARK" "$KUBELET_CONFIGURATION_SHA256"

export KUBECONFIG=$KUBELET_CONF
runs_in_version() {
  local version
  version=$(node_version "$HOST_NAME") && [[ $version == "v$KUBERNETES_VERSION" ]]
}
upgrade_node() {
  install_held kubeadm
  forget_written "$KUBELET_CONFIG"
  forget_unedited "$KUBELET_FLAGS"
  run_kubeadm "mend what it names, then pulumi up" upgrade node --ignore-preflight-errors="$IGNORE_PREFLIGHT_ERRORS"
  # The sync comes before the node has the version: with this version no later run would write a configuration again that a
  # power cut left empty.
  sync_kubeadm_files
  judge_edited_flags
  install_held kubelet kubectl
  systemctl daemon-reload
  systemctl restart kubelet
  wait_for 300 "the kubelet to run in version $KUBERNETES_VERSION" "journalctl -u kubelet -n 50" runs_in_version
  changed "the node runs Kubernetes $KUBERNETES_VERSION"
}

ask "the API server to say which version the kubelet has" node_version "$HOST_NAME"
[[ $ANSWER == "v$KUBERNETES_VERSION" ]] || upgrade_node
# A kubelet with another endpoint restarts below, or in a later run if this one is interrupted.
if ! leads_to_endpoint "$KUBELET_CONF"; then forget "$KUBELET_CONFIGURATION_MARK"; fi
lead_to_endpoint "$KUBELET_CONF"
if [[ $(mark "$KUBELET_CONFIGURATION_MARK") != "$KUBELET_CONFIGURATION_SHA256" ]]; then
  forget "$KUBELET_CONFIGURATION_MARK"
  forget_written "$KUBELET_CONFIG"
  forget_unedited "$KUBELET_FLAGS" # some versions of kubeadm take single ones away
  restart_kubelet kubeadm upgrade node phase kubelet-config
  remember "$KUBELET_CONFIGURATION_MARK" "$KUBELET_CONFIGURATION_SHA256"
fi
wait_until_ready "$HOST_NAME"
give_back "$HOST_NAME"
