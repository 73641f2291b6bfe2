# shellcheck shell=bash
# Components of the control plane, which the kubelet starts from static pod manifests.
# Needs: lib/kubeadm.sh lib/nodes.sh

# The kubelet gives a component the same time to end: an API server serves on while load balancers turn away from it.
# shellcheck disable=SC2034 # those who source this file read it
GRACE_SECONDS=30

container_of() { crictl ps --quiet --name "^$1\$" | head -n 1; }

# is_another NAME CONTAINER: the component runs in another container than this one, and is healthy.
is_another() {
  local now seen
  now=$(container_of "$1") || return 1
  [[ -n $now && $now != "$2" ]] || return 1
  case $1 in
    kube-apiserver | etcd) api_is_ready ;;
    *)
      seen=$(kubectl --namespace kube-system get pod "$1-$HOST_NAME" \
        --output 'jsonpath={.status.containerStatuses[0].ready} {.status.containerStatuses[0].containerID}') || return 1
      [[ $seen == "true containerd://$now" ]]
      ;;
  esac
}

# refuse_second_manifests: end the step before a change of manifests that the kubelet may not follow.
refuse_second_manifests() {
  local others
  others=$(second_manifests)
  [[ -z $others ]] || fail "one manifest of each component, since the kubelet runs either of two" "$others" \
    "move it to another directory, with whatever ending: the kubelet reads all files in $MANIFESTS; then pulumi up"
}

# put_back_half_done: put the former manifests and the former certificate back after an interrupted or failed change.
put_back_half_done() {
  if [[ -d $MANIFESTS_BEFORE ]]; then
    cp "$MANIFESTS_BEFORE"/* "$MANIFESTS/"
    sync "$MANIFESTS"/* "$MANIFESTS"
    drop "$MANIFESTS_BEFORE"
  fi
  if [[ -d $CERTIFICATE_BEFORE ]]; then
    if ! has_api_certificate; then
      cp --preserve "$CERTIFICATE_BEFORE"/* "$PKI/"
      sync "$PKI"/apiserver.{crt,key} "$PKI"
    fi
    drop "$CERTIFICATE_BEFORE"
  fi
}

# end_half_done: give etcd its own arguments back, before a step that changes the members of etcd. After an interrupted
# recovery etcd forgets all other members at each start.
end_half_done() {
  local before manifest=$MANIFESTS_BEFORE/etcd.yaml is_other=false
  [[ -d $MANIFESTS_BEFORE ]] || return 0
  before=$(container_of etcd)
  cmp --silent "$manifest" "$MANIFESTS/etcd.yaml" || is_other=true
  put_back_half_done
  changed "a change of static pods, or a recovery, that was cut short is taken back"
  [[ $is_other == false ]] || wait_for 180 "etcd to run with its own arguments again" \
    "crictl logs \$(crictl ps --all --quiet --name '^etcd\$'); where the majority is lost: \
make recover STACK=... HOST=$HOST_NAME" \
    is_another etcd "$before"
}

has_api_certificate() { [[ -s $PKI/apiserver.crt && -s $PKI/apiserver.key ]]; }

# make_api_certificate: make the certificate of the API server anew. kubeadm makes none if one of its two files exists.
make_api_certificate() {
  rm -f "$PKI"/apiserver.{crt,key}
  run_kubeadm "kubeadm init phase certs apiserver --config $KUBEADM_CONFIG" \
    init phase certs apiserver --config "$KUBEADM_CONFIG"
}

# end_api_server CONTAINER: stop the API server, which the kubelet then starts again. Before the kubelet starts the new etcd,
# it asks the API to delete the pod of the old etcd. An API server without etcd holds this request for half a minute; an API
# server that does not run refuses it at once.
end_api_server() {
  # An API server that ended by itself is as good. If the stop fails, the kubelet waits for half a minute, and the caller has
  # time for that.
  [[ -z $1 ]] || crictl stop --timeout 1 "$1" &>"$STAGING/crictl" || true
}

# change_static_pods COMMAND...: run the command, which writes manifests, and wait until each changed component runs. If one
# does not, all get their old manifests back and the step ends.
change_static_pods() {
  local manifest name changed_components=() server=kube-apiserver
  declare -A before
  keep "$MANIFESTS_BEFORE" "$MANIFESTS"/*
  for manifest in "$MANIFESTS"/*; do
    name=$(basename "$manifest" .yaml)
    before[$name]=$(container_of "$name")
  done
  "$@"
  for manifest in "$MANIFESTS"/*; do
    cmp --silent "$manifest" "$MANIFESTS_BEFORE/${manifest##*/}" || changed_components+=("$(basename "$manifest" .yaml)")
  done
  if [[ " ${changed_components[*]} " == *" etcd "* && " ${changed_components[*]} " != *" $server "* ]]; then
    end_api_server "${before[$server]:-}"
  fi
  for name in "${changed_components[@]}"; do
    comes_true 180 is_another "$name" "${before[$name]:-}" || refuse_arguments "$name"
  done
  sync_kubeadm_files
  drop "$MANIFESTS_BEFORE"
}

# last_words NAME: what the newest container of this name said last, whether it runs or not.
last_words() {
  local container
  container=$(crictl ps --all --quiet --name "^$1\$" | head -n 1) || return 1
  crictl logs --tail 5 "$container" 2>&1 | cut --characters=-400
}

refuse_arguments() {
  local seen
  seen=$(last_words "$1") || true # the reason may be missing; the old manifests come back all the same
  put_back_half_done
  wait_for 240 "the API server to be ready with its old arguments" "crictl ps -a; journalctl -u kubelet -n 50" api_is_ready
  fail "$1 to run with its new arguments within 180 s" "$seen" \
    "mend cluster.clusterConfiguration or cluster.audit, then pulumi up; the control plane runs with the old ones again"
}
