# shellcheck shell=bash
# crictl, for a containerd that runs.

# shellcheck source=/dev/null
. "${BASH_SOURCE%/*}/members.sh"

[[ -s $WORLD/running/containerd ]] || {
  echo "connect: no such file or directory" >&2
  exit 1
}

# etcdctl ARGUMENT...: the members of etcd are lines of a file beside the objects of the cluster, and so are Secrets: each is the
# name of the key that it is written with.
etcdctl() {
  meet
  case "$*" in
    *"member list --write-out json") members_as_json <"$OBJECTS/members" ;;
    *"member remove "*) sed --in-place "/^${!#},/d" "$OBJECTS/members" ;;
    *"move-leader "*) echo "${!#}" >"$OBJECTS/leader" ;;
    *"get /registry/secrets/"*)
      sed 's/^/k8s:enc:secretbox:v1:/; s/$/:/; s/.*:identity:$/k8s/; s/.*/"Key" : "x"\n"Value" : "&\\x00"/' "$OBJECTS/secrets"
      printf '"Count" : %s\n' "$(wc -l <"$OBJECTS/secrets")"
      ;;
    *"lease grant "*) echo "lease 32698f2b41b5a20d granted with TTL(${!#}s)" ;;
    *"get /registry/masterleases/"*) echo "this control plane leaves" ;;
    *"endpoint status "*) printf '"Leader" : %d\n' "0x$(<"$OBJECTS/leader")" ;;
  esac
}

case "$*" in
  ps*)
    sync_static_pods
    name=$* # of a list, the pattern below would be taken from each word
    name=${name##*^}
    if [[ $name == kube-proxy* ]]; then
      fact restarts-kube-proxy
      printf 'kube-proxy-%s' "${#FACT}"
    fi
    container_of "${name%\$}"
    echo
    ;;
  pods*)
    sync_static_pods
    container_of etcd
    echo
    ;;
  "stop "*)
    stopped=${!#}
    stopped=${stopped%-*}
    for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
      if [[ $stopped == "$name" ]]; then start_component "$name"; fi
    done
    ;;
  *"snapshot save"*)
    meet
    version_of kubelet
    mkdir -p "$(dirname "${!#}")"
    echo "snapshot of $VERSION" >"${!#}"
    ;;
  "logs "*) [[ ! -e $WORLD/is-out-of-etcd ]] || echo "the member has been permanently removed from the cluster" ;;
  exec*" etcdctl "*) etcdctl "$@" ;;
  inspecti*) [[ -e $WORLD/images/${3//\//_} ]] ;;
  "pull "*) state "images/${2//\//_}" pulled ;;
esac
