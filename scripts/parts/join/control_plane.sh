# shellcheck shell=bash
# The host is a further control plane: its member of etcd has a vote, its API server is ready and its node is registered. The
# mark `initialized` is written last. A control plane that joins never initialises a cluster.
# Needs: API_HOST NODE_IP; lib/api_server.sh lib/containerd.sh lib/control_plane.sh lib/encryption.sh
#   lib/etcd_answers.sh lib/hosts_file.sh lib/joining.sh lib/kube_proxy.sh lib/kubeadm.sh lib/nodes.sh
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/kube_proxies.sh"
. "$LIBRARY/lib/patches.sh"
. "$LIBRARY/lib/api_server.sh"
. "$LIBRARY/lib/unsynced.sh"
. "$LIBRARY/lib/etcd.sh"
. "$LIBRARY/lib/backup.sh"
. "$LIBRARY/lib/bundle.sh"
. "$LIBRARY/lib/vip.sh"
. "$LIBRARY/lib/clients.sh"
. "$LIBRARY/lib/encryption.sh"
. "$LIBRARY/lib/hosts_file.sh"
. "$LIBRARY/lib/kube_proxy.sh"
. "$LIBRARY/lib/control_plane.sh"

export KUBECONFIG=$ADMIN_CONF
JOIN_CONFIGURATION=$STAGING/config.yaml # with the key of the certificates, and in memory only

# control_plane_is_complete: kubeadm has written its files, a power cut left none of them empty, and the member of etcd has a
# vote. A node that was deleted by hand registers again.
control_plane_is_complete() {
  local members empty
  empty=$(find -H "$MANIFESTS" "$PKI" /etc/kubernetes/*.conf -type f -empty) && [[ -z $empty ]] || return 1
  members=$(etcd_members) || return 1
  awk -v address="$NODE_IP" '$2 == address && $3 != "-" && $4 == "false" {found = 1} END {exit !found}' <<<"$members" &&
    has_all_of_kubeadm
}

# lead_api_to ADDRESS: give the endpoint's name this address, if /etc/hosts has the name. kubeadm needs a living API server
# before this machine has its own, and finds it by the name of the endpoint.
lead_api_to() {
  local wanted
  wanted=$(sed --regexp-extended "$HOSTS_BLOCK s/^[0-9.]+(\s+${API_HOST//./\\.})\$/$1\1/" /etc/hosts)
  [[ $wanted == "$(</etc/hosts)" ]] || write_hosts "$wanted"
}

write_join_configuration() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line"
    if [[ $line == controlPlane: ]]; then printf '  certificateKey: %s\n' "$INVITED_KEY"; fi
  done <"$KUBEADM_CONFIG" >"$JOIN_CONFIGURATION"
}

# clean_up_half_done: reset an interrupted join. The sponsor has removed the member of etcd already; without admin.conf kubeadm
# asks no API for this member.
clean_up_half_done() {
  rm -f "$ADMIN_CONF"
  undo_kubeadm
  [[ ! -d /var/lib/etcd ]] || find -H /var/lib/etcd -mindepth 1 -delete
  rm -rf /etc/cni/net.d
  forget "$JOIN_STARTED_MARK"
  forget "$INITIALIZED_MARK"
  changed "the half-done join is reset"
  containerd_begins_anew
}

join_control_plane() {
  [[ -n $INVITED_TOKEN ]] ||
    fail "the control plane that joined in an earlier update" "a machine without its data; the node is in the cluster" \
      "beside other control planes: gone: true for $HOST_NAME in the stack file, pulumi up; remove it, pulumi up: it joins \
anew; the only one: docs/how-to/lost-control-plane.md"
  trap 'rm -f "$DISCOVERY"; lead_api_to "$NODE_IP"' EXIT
  lead_api_to "$SPONSOR_ADDRESS"
  check_clock
  check_token
  if is_marked "$JOIN_STARTED_MARK" || [[ -f $KUBELET_CONF ]]; then clean_up_half_done; fi
  write_join_configuration
  remember_values
  put_policies
  begin_encryption
  join_with "$JOIN_CONFIGURATION"
  lead_api_to "$NODE_IP"
  trap - EXIT
  wait_for 240 "the control plane to be complete" "crictl ps -a; journalctl -u kubelet -n 50" control_plane_is_complete
}

# delete_certificates: delete the secret with the cluster's certificates, and the token of kubeadm by which this secret would
# expire.
delete_certificates() {
  local owner
  owner=$(kubectl --namespace kube-system get secret kubeadm-certs --ignore-not-found \
    --output 'jsonpath={.metadata.ownerReferences[0].name}') || return 1
  # shellcheck disable=SC2086 # one name, or none
  kubectl --namespace kube-system delete secret kubeadm-certs $owner --ignore-not-found
}

began=false
if is_marked "$JOIN_STARTED_MARK" || [[ -f $ADMIN_CONF ]]; then began=true; fi
if ! is_marked "$INITIALIZED_MARK" || [[ -n $INVITED_TOKEN ]]; then
  lead_api_to "$NODE_IP" # an interrupted join may have led the name elsewhere
  # After a reboot the API of a complete control plane does not answer at once; without an etcd it never will.
  if [[ $began == true && -f $MANIFESTS/etcd.yaml ]] && comes_true 120 control_plane_is_complete; then
    is_marked "$INITIALIZED_MARK" || is_marked "$JOIN_STARTED_MARK" || restore_marks
  else
    join_control_plane
  fi
  # end_join syncs the files first: after a power cut before that, a new join needs the secret again.
  end_join
  # The secret has the certificates of the cluster, encrypted. It exists only as long as they are needed.
  wait_for "$ANSWER_SECONDS" "the API server to delete secret kubeadm-certs" "kubectl -n kube-system delete secret \
kubeadm-certs" delete_certificates
  restart_stale_kube_proxy
fi
keep_control_plane
wait_until_ready "$HOST_NAME"
