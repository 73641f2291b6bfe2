# shellcheck shell=bash
# kubectl, for the requests that the scripts make.

words=() kubeconfig=${KUBECONFIG:-}
while (($# > 0)); do
  case $1 in
    --request-timeout=* | --overwrite | --ignore-daemonsets | --timeout=* | --wait=*) ;;
    --namespace | --server) shift ;;
    --kubeconfig)
      shift
      kubeconfig=$1
      ;;
    *) words+=("$1") ;;
  esac
  shift
done
set -- "${words[@]}"

[[ -s $kubeconfig ]] || {
  echo "error: stat $kubeconfig: no such file" >&2
  exit 1
}
if [[ $1 == config ]]; then
  printf 'https://192.0.2.11:6443'
  exit
fi
meet

node_of() {
  local node=$OBJECTS/nodes/$1
  [[ -d $node ]] || {
    [[ $* == *--ignore-not-found* ]] && exit 0
    echo "Error from server (NotFound): nodes \"$1\" not found" >&2
    exit 1
  }
  case $* in
    *"output name"*) echo "node/$1" ;;
    *InternalIP*) printf 192.0.2.11 ;;
    *metadata.labels*) if [[ -e $node/control-plane ]]; then echo node-role.kubernetes.io/control-plane; fi ;;
    *go-template*) if [[ -e $node/addresses ]]; then cat "$node/addresses"; fi ;;
    *kubeletVersion*) cat "$node/version" ;;
    *status.conditions*) cat "$node/ready" ;;
    *unschedulable*) if [[ -e $node/unschedulable ]]; then printf true; fi ;;
    *drained*) if [[ -e $node/drained ]]; then printf true; fi ;;
    *spec.taints*) if [[ -e $node/taints ]]; then cat "$node/taints"; fi ;;
  esac
}

change_node() {
  local verb=$1 node=$OBJECTS/nodes/$2 taint
  [[ -d $node ]] || {
    echo "Error from server (NotFound): nodes \"$2\" not found" >&2
    exit 1
  }
  case $verb in
    cordon) : >"$node/unschedulable" ;;
    uncordon) rm -f "$node/unschedulable" ;;
    annotate) if [[ $3 == *- ]]; then rm -f "$node/drained"; else : >"$node/drained"; fi ;;
    drain)
      : >"$node/unschedulable"
      : >"$node/empty"
      ;;
    delete) rm -r "$node" ;;
    taint)
      taint=$(sed 's/=[^:]*//; s/-$//' <<<"$3")
      touch "$node/taints"
      { grep --line-regexp --invert-match --fixed-strings "$taint" "$node/taints" || true; } >"$node/taints.new"
      if [[ $3 != *- ]]; then echo "$taint" >>"$node/taints.new"; fi
      sort --output "$node/taints" "$node/taints.new"
      rm "$node/taints.new"
      [[ -s $node/taints ]] || rm "$node/taints" # an empty list is none
      ;;
  esac
}

case "$1 $2" in
  "get --raw") echo ok ;;
  "get node") node_of "${@:3}" ;;
  "get crd") echo crd ;;
  "delete secret") rm -f "$OBJECTS/objects/$3" ;;
  "get secret") printf 0-1 ;;
  "get secrets")
    if [[ $* == *--all-namespaces* ]]; then echo default && exit; fi
    reads_secrets
    ;;
  "replace --filename") reads_secrets && write_secrets ;;
  "get nodes") for name in "$OBJECTS"/nodes/*; do echo "node/${name##*/}"; done ;;
  "delete node/"*) for name in "${@:2}"; do rm -r "$OBJECTS/nodes/${name#*/}"; done ;;
  "get clusterrolebinding") if [[ -e $OBJECTS/objects/provider ]]; then cat "$OBJECTS/objects/provider"; fi ;;
  "auth can-i") [[ -s $OBJECTS/objects/provider ]] ;;
  "apply --filename")
    # A token's permission goes with the token.
    read -r -d '' applied || true
    if [[ $applied == *ClusterRoleBinding* ]]; then echo "${applied##*name: }" >"$OBJECTS/objects/provider"; fi
    ;;
  "get configmap" | "get daemonset/kube-proxy")
    if [[ $* == *.ClusterConfiguration* ]]; then echo "apiVersion: kubeadm.k8s.io/v1beta4" && exit; fi
    if [[ $* == *.data.kubeconfig* ]]; then cat "$OBJECTS/objects/cluster-info" && exit; fi
    if [[ $* == *'{.data}'* ]]; then cat "$OBJECTS/objects/$3" && exit; fi
    for name in "${@:2}"; do
      [[ $name == configmap || -s $OBJECTS/objects/${name#*/} ]] || exit 1
    done
    ;;
  "get ippools"*) if [[ -e $OBJECTS/objects/ippool ]]; then echo pool; fi ;;
  "get pods") printf true ;;
  "delete pod"*)
    # Of kube-proxy: the next one has another container.
    if [[ $* == *k8s-app=kube-proxy* ]]; then printf . >>"$WORLD/restarts-kube-proxy" && exit; fi
    # calico-node of the node, which writes the addresses when it starts
    printf 192.0.2.12 >"$OBJECTS/nodes/${!###*spec.nodeName=}/addresses"
    ;;
  "get pod")
    printf 'true containerd://'
    container_of "${3%"-$HOST_NAME"}"
    ;;
  "patch configmap") sed 's/^{"data": \(.*\)}$/\1/' "${!#}" >"$OBJECTS/objects/kube-proxy" ;;
  "patch ippools"*) echo "${!#}" >"$OBJECTS/objects/ippool" ;;
  "rollout restart") cp "$OBJECTS/objects/kube-proxy" "$OBJECTS/objects/kube-proxy-runs-with" ;;
  "annotate node" | "taint node" | "delete node") change_node "$1" "${@:3}" ;;
  "cordon "* | "uncordon "* | "drain "*) change_node "$1" "$2" ;;
esac
