# shellcheck shell=bash
# crictl, for a containerd that runs.

[[ -s $WORLD/running/containerd ]] || {
  echo "connect: no such file or directory" >&2
  exit 1
}
case "$*" in
  ps*)
    sync_static_pods
    name=$* # of a list, the pattern below would be taken from each word
    name=${name##*^}
    container_of "${name%\$}"
    echo
    ;;
  "stop "*)
    for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
      if [[ ${2%-*} == "$name" ]]; then start_component "$name"; fi
    done
    ;;
  *"snapshot save"*)
    version_of kubelet
    mkdir -p "$(dirname "${!#}")"
    echo "snapshot of $VERSION" >"${!#}"
    ;;
  inspecti*) [[ -e $WORLD/images/${3//\//_} ]] ;;
  "pull "*) state "images/${2//\//_}" pulled ;;
esac
