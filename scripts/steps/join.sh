# shellcheck shell=bash
# The host is a Ready node of the cluster, in the version and with the settings of the stack: with the kubelet's own certificate
# the API of this cluster shows the node.
# Needs: IGNORE_PREFLIGHT_ERRORS KUBELET_CONFIGURATION_SHA256 KUBERNETES_VERSION RESET_ON_FAILURE; lib/containerd.sh
#   lib/kubeadm.sh lib/kubelet.sh lib/nodes.sh lib/packages.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubelet.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/kubeadm.sh"

RESET="kubeadm reset --force && rm -rf /etc/cni/net.d $STATE/$JOIN_STARTED_MARK"
CLOCK_TOLERANCE_SECONDS=60

staged_discovery=$STAGING/files$DISCOVERY
discovery_value() { sed --quiet "s/^ *$1: //p" "$staged_discovery"; }

node_is_registered() { [[ -f $KUBELET_CONF ]] && kubectl --kubeconfig "$KUBELET_CONF" get node "$HOST_NAME"; }
look_for_node() { hear kubectl --kubeconfig "$KUBELET_CONF" get node "$HOST_NAME" --ignore-not-found --output name; }
node_is_ready() {
  local seen
  seen=$(kubectl --kubeconfig "$KUBELET_CONF" get node "$HOST_NAME" \
    --output 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status}{"\n"}{.message}{end}') || return 1
  [[ ${seen%%$'\n'*} == True ]] || { printf '%s\n' "$seen" && return 1; }
}
staged_authority=$STAGING/authority.crt
discovery_value certificate-authority-data | base64 --decode >"$staged_authority"
of_this_cluster() { [[ ! -f $PKI/ca.crt ]] || cmp --silent "$PKI/ca.crt" "$staged_authority"; }

# With a wrong clock certificates are invalid, and kubeadm says only that it does not trust the server.
check_clock() {
  local server there clock_there seconds
  server=$(discovery_value server)
  # --insecure: by this clock the server's certificate may not be valid yet. check_token reports a server that does not answer.
  there=$(curl --silent --insecure --head --max-time 20 "$server/livez" |
    sed --quiet --regexp-extended 's/^date: (.*[^\r])\r?$/\1/Ip') || return 0
  [[ -n $there ]] || return 0
  clock_there=$(date --date "$there" +%s)
  printf -v seconds '%(%s)T' -1
  seconds=$((seconds - clock_there))
  ((${seconds#-} <= CLOCK_TOLERANCE_SECONDS)) ||
    fail "a clock within $CLOCK_TOLERANCE_SECONDS s of the control plane's" \
      "$seconds s of difference: here $(date --utc), there $there" \
      "on $HOST_NAME: timedatectl set-ntp true; timedatectl; then pulumi up"
}

# kubeadm would report an expired token only after it waited five minutes for the kubelet.
check_token() {
  local server status
  server=$(discovery_value server)
  sed --quiet 's/^ *token: /Authorization: Bearer /p' "$staged_discovery" >"$STAGING/header"
  status=$(curl --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}' \
    --cacert "$staged_authority" --header "@$STAGING/header" "$server/api" 2>"$STAGING/curl") ||
    fail "the API server at $server to answer" "$(<"$STAGING/curl")" \
      "curl --insecure $server/livez; open the port between the hosts"
  # 403: a request without a token.
  [[ $status != 401 && $status != 403 ]] ||
    fail "a valid join token" \
      "HTTP status $status: the token expired or was deleted, or none was made because the node was Ready" "pulumi up; \
if the machine was made anew: set gone: true for $HOST_NAME in the stack file, pulumi up; delete the line, pulumi up"
}

run_join() {
  trap 'rm -f "$DISCOVERY" "$DISCOVERY.new"' EXIT # they hold the token
  put "$DISCOVERY"
  check_before join "$IGNORE_PREFLIGHT_ERRORS"
  remember "$JOIN_STARTED_MARK" yes
  run_kubeadm "journalctl -u kubelet -n 50; pulumi up" join --config "$KUBEADM_CONFIG" --skip-phases=preflight
  rm -f "$DISCOVERY"
  remember "$KUBELET_CONFIGURATION_MARK" "$KUBELET_CONFIGURATION_SHA256"
  changed "kubeadm join is done"
}

# Until the kubelet has its certificate a reset loses nothing; with it the node may have been in the cluster, and run pods.
clean_up_half_done() {
  if [[ -f $KUBELET_CONF && $RESET_ON_FAILURE != true ]]; then
    fail "a join that went to its end, or none" \
      "a join of this stack that was cut short, or whose node was deleted since" \
      "on $HOST_NAME: sudo sh -c '$RESET'; or set policy.resetOnFailure in the stack file; then pulumi up"
  fi
  run_kubeadm "kubeadm reset --force" reset --force
  rm -rf /etc/cni/net.d
  forget "$JOIN_STARTED_MARK"
  changed "the half-done join is reset"
  containerd_serves # after a power cut containerd may have ended while pods were removed
}

containerd_serves
put_back_kubelet_configuration
of_this_cluster ||
  fail "a machine that is not in another cluster" "the CA of another cluster in $PKI/ca.crt" \
    "docs/runbooks.md, \"A machine that carries another cluster\""
# A single failed request does not tell a member from a machine that never joined.
registered=
if [[ -f $KUBELET_CONF ]] && comes_true 120 look_for_node; then
  registered=$ANSWER
fi # without an answer the checks below report the cause
if [[ -z $registered ]]; then
  check_clock
  check_token
  if is_marked "$JOIN_STARTED_MARK" || [[ -f $KUBELET_CONF ]]; then clean_up_half_done; fi
  run_join
fi
wait_for 120 "the node to be registered" "journalctl -u kubelet -n 50" node_is_registered
forget "$JOIN_STARTED_MARK"

export KUBECONFIG=$KUBELET_CONF
runs_in_version() {
  local version
  version=$(node_version "$HOST_NAME") && [[ $version == "v$KUBERNETES_VERSION" ]]
}
upgrade_node() {
  install_held kubeadm
  run_kubeadm "mend what it names, then pulumi up" upgrade node --ignore-preflight-errors="$IGNORE_PREFLIGHT_ERRORS"
  install_held kubelet kubectl
  systemctl daemon-reload
  systemctl restart kubelet
  wait_for 300 "the kubelet to run in version $KUBERNETES_VERSION" "journalctl -u kubelet -n 50" runs_in_version
  changed "the node runs Kubernetes $KUBERNETES_VERSION"
}

ask "the API server to say which version the kubelet has" node_version "$HOST_NAME"
[[ $ANSWER == "v$KUBERNETES_VERSION" ]] || upgrade_node
if [[ $(mark "$KUBELET_CONFIGURATION_MARK") != "$KUBELET_CONFIGURATION_SHA256" ]]; then
  restart_kubelet kubeadm upgrade node phase kubelet-config
  remember "$KUBELET_CONFIGURATION_MARK" "$KUBELET_CONFIGURATION_SHA256"
fi
wait_for 300 "the node to be Ready" \
  "journalctl -u kubelet -n 50; crictl ps -a; without a CNI configuration: crictl logs of calico-node" node_is_ready
give_back "$HOST_NAME"
step_is_done
