# shellcheck shell=bash
# A node as the API shows it: drain, uncordon, taints. KUBECONFIG gives the rights.
# Needs: KUBECONFIG; lib/kubeadm.sh

# Annotation of a node that a drain of this project cordoned. A node that a person cordoned stays cordoned.
DRAINED=pulumi-kubeadm/drained

# serves ADDRESS: the API server there is ready.
serves() { kubectl --server "https://$1:6443" get --raw /readyz; }

# api_is_ready: the API server of this machine is ready. KUBECONFIG may lead to a load balancer of the owner: then another API
# server answers while this one starts and knows no access rules yet. So the address in the manifest of this one counts, if
# there is a manifest.
api_is_ready() {
  local address
  [[ -f $KUBECONFIG ]] || return 1
  address=$(sed --quiet 's/^ *- --advertise-address=//p' "$MANIFESTS/kube-apiserver.yaml" 2>/dev/null) || address=
  if [[ -n $address ]]; then serves "$address"; else kubectl get --raw /readyz; fi
}
node_condition() { kubectl get node "$1" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'; }
# node_is_ready NODE: its condition Ready is True; otherwise prints the condition and its reason.
node_is_ready() {
  local seen
  seen=$(kubectl get node "$1" \
    --output 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status}{"\n"}{.message}{end}') || return 1
  [[ ${seen%%$'\n'*} == True ]] || { printf '%s\n' "$seen" && return 1; }
}
wait_until_ready() {
  wait_for 300 "the node to be Ready" \
    "journalctl -u kubelet -n 50; crictl ps -a; without a CNI configuration: crictl logs of calico-node" node_is_ready "$1"
}
# node_version NODE: the version of its kubelet. It fails for an empty version, which would have the node drained and upgraded.
node_version() { kubectl get node "$1" --output 'jsonpath={.status.nodeInfo.kubeletVersion}' | grep .; }

# find_node NAME: NODE is the node, or empty if the cluster has no such node. If the API does not answer the step ends.
find_node() {
  ask "the API server to be ready" kubectl get --raw /readyz
  ask "the API server to say whether it has node $1" kubectl get node "$1" --ignore-not-found --output name
  # shellcheck disable=SC2034 # callers read it
  NODE=$ANSWER
}

# is_control_plane_node NODE: whether the node has the label that kubeadm sets at the end of an init or a join.
is_control_plane_node() {
  # shellcheck disable=SC2016 # the template has variables of its own
  ask "the API server to say which labels node $1 has" kubectl get node "$1" --ignore-not-found --output \
    'go-template={{range $name, $value := .metadata.labels}}{{$name}}{{"\n"}}{{end}}'
  grep --quiet --line-regexp --fixed-strings node-role.kubernetes.io/control-plane <<<"$ANSWER"
}

# The default of policy.drainTimeoutSeconds, if the mark was lost.
DEFAULT_DRAIN_TIMEOUT_SECONDS=300

# drain NODE NEXT: move the pods of the node to other nodes. Disruption budgets are respected; pods without a controller are
# not deleted. If the machine dies during the drain, its pods cannot end, and the drain stops waiting.
drain() {
  local node=$1 next=$2 seconds draining condition seen
  seconds=$(mark "$DRAIN_TIMEOUT_MARK")
  seconds=${seconds:-$DEFAULT_DRAIN_TIMEOUT_SECONDS}
  ask "the API server to say whether node $node is cordoned" kubectl get node "$node" --output 'jsonpath={.spec.unschedulable}'
  if [[ $ANSWER != true ]]; then
    kubectl annotate --overwrite node "$node" "$DRAINED=true" >/dev/null
    kubectl cordon "$node" >/dev/null
  fi
  timeout --foreground "$((seconds + 60))" kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data \
    --timeout="${seconds}s" >"$STAGING/drain" 2>&1 &
  draining=$!
  while kill -0 "$draining" 2>/dev/null; do
    condition=$(node_condition "$node" 2>/dev/null) || condition= # no answer: look again
    if [[ $condition == Unknown ]]; then
      kill "$draining" 2>/dev/null || true # it may have ended at this moment
      wait "$draining" || true             # the signal is its status
      changed "node $node stopped answering: the drain does not wait for its pods"
      return
    fi
    sleep 1
  done
  if ! wait "$draining"; then
    # The step fails in any case: what explains it may be missing.
    seen=$(pods_that_stay "$node" || true)
    seen+=$'\n'$(grep --ignore-case error "$STAGING/drain" | sort --unique | tail -n 8 || true)
    give_back "$node" # if the edit is taken back, the next update has nothing to do
    fail "node $node to drain within $seconds s" "$seen" "$next"
  fi
  changed "$node is drained"
}

pods_that_stay() {
  printf 'pods that stay: '
  kubectl get pods --all-namespaces --field-selector "spec.nodeName=$1" --output \
    'jsonpath={range .items[*]}{.metadata.ownerReferences[0].kind} {.metadata.namespace}/{.metadata.name}{"\n"}{end}' |
    awk '$1 != "DaemonSet" && $1 != "Node" {print $NF}' | paste --serial --delimiters ' '
}

# give_back NODE: uncordon the node, if a drain of this project cordoned it.
give_back() {
  ask "the API server to say who cordoned node $1" kubectl get node "$1" --output "jsonpath={.metadata.annotations.$DRAINED}"
  [[ $ANSWER == true ]] || return 0
  kubectl uncordon "$1" >/dev/null
  kubectl annotate node "$1" "$DRAINED-" >/dev/null
  changed "node $1 is uncordoned"
}

# apply_taints NODE WANTED MARK: set the wanted taints, one a line, and remove those that the stack set before, which MARK
# lists. Taints that others set stay. The step may be interrupted and the edit taken back: so meanwhile MARK lists the taints
# that are there in any case, and a second mark those that may be there.
apply_taints() {
  local node=$1 wanted=$2 taint before possible there unfinished
  unfinished=$(unfinished_taints_mark "$3")
  before=$(mark "$3")
  possible=$(mark "$unfinished")
  possible=$(sort --unique <<<"$before"$'\n'"$wanted"$'\n'"$possible")
  if [[ $before != "$wanted" ]]; then
    remember "$unfinished" "$possible"
    before=$(grep --line-regexp --fixed-strings "$wanted" <<<"$before") || before=
    remember "$3" "$before"
  fi
  there=$(kubectl get node "$node" --output 'jsonpath={range .spec.taints[*]}{.key}:{.effect}{"\n"}{end}')
  while read -r taint; do
    [[ -n $taint ]] || continue
    grep --quiet --line-regexp --fixed-strings "$taint" <<<"$wanted" && continue
    grep --quiet --line-regexp --fixed-strings "${taint%%[=:]*}:${taint##*:}" <<<"$there" || continue # gone already
    kubectl taint node "$node" "$(untaint "$taint")" >/dev/null
    changed "taint $taint is removed from node $node"
  done <<<"$possible"
  while read -r taint; do
    [[ -n $taint ]] || continue
    grep --quiet --line-regexp --fixed-strings "$taint" <<<"$before" && continue
    kubectl taint --overwrite node "$node" "$taint" >/dev/null
    changed "taint $taint is set on node $node"
  done <<<"$wanted"
  remember "$3" "$wanted"
  forget "$unfinished"
}

# untaint TAINT: the argument of kubectl that removes a taint, key=value:effect or key:effect.
untaint() { printf '%s:%s-' "${1%%[=:]*}" "${1##*:}"; }
