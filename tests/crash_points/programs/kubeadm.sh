# shellcheck shell=bash
# kubeadm: what it writes, in its order, and what its own checks refuse.

version_of kubeadm
OF_KUBEADM=$VERSION

# ETCD_ARGUMENT: of a patch, or kubeadm's own for a member that joins; nothing otherwise.
ETCD_ARGUMENT=
if [[ $* == *"--patches "* ]]; then
  patches=$* patches=${patches##*--patches } patches=${patches%% *}
elif [[ $* == *"--config "* ]]; then
  patches=$(sed --quiet 's/^  directory: //p' "${!#}")
fi
if [[ -n ${patches:-} ]]; then ETCD_ARGUMENT=$(sed 's/.*"value": "\(.*\)".*/\1/' "$patches/etcd+json.json"); fi

write_manifests() {
  local name
  document ClusterConfiguration
  mkdir -p "$KUBERNETES/manifests"
  for name in "$@"; do
    printf '    - %s\n    image: registry.k8s.io/%s:v%s\n# %s\n' "$name" "$name" "$OF_KUBEADM" "$DOCUMENT" \
      >"$KUBERNETES/manifests/$name.yaml"
    if [[ $name == kube-apiserver && $DOCUMENT == *encryption-provider-config* ]]; then
      echo "    - --encryption-provider-config=$KEYS_OF_SECRETS" >>"$KUBERNETES/manifests/$name.yaml"
    fi
    [[ $name != etcd ]] || echo "# $ETCD_ARGUMENT" >>"$KUBERNETES/manifests/$name.yaml"
  done
}
CONTROL_PLANE=(kube-apiserver kube-controller-manager kube-scheduler)

# write_certificate: none where a file of it exists.
write_certificate() {
  local pki=$KUBERNETES/pki
  mkdir -p "$pki/etcd"
  document ClusterConfiguration
  if [[ -e $pki/apiserver.crt && -e $pki/apiserver.key ]]; then return; fi
  echo "key for $DOCUMENT" >"$pki/apiserver.key"
  echo "certificate for $DOCUMENT" >"$pki/apiserver.crt"
}

upload_document() {
  document "$1"
  printf '%s\n' "$DOCUMENT" >"$OBJECTS/objects/$2"
}
upload() {
  meet
  mkdir -p "$OBJECTS/objects"
  case $1 in
    kubeadm) upload_document ClusterConfiguration kubeadm-config ;;
    kubelet) upload_document KubeletConfiguration kubelet-config ;;
    kube-proxy) upload_document KubeProxyConfiguration kube-proxy ;;
    coredns) echo "$OF_KUBEADM" >"$OBJECTS/objects/coredns" ;;
    cluster-info) echo info >"$OBJECTS/objects/cluster-info" ;;
  esac
}

# write_kubelet_configuration [TEXT]: that of the cluster, or this machine's own.
write_kubelet_configuration() {
  document KubeletConfiguration
  mkdir -p "${KUBELET_CONFIGURATION%/*}"
  printf '%s\n' "${1:-$DOCUMENT}" >"$KUBELET_CONFIGURATION"
}

mark_control_plane() {
  meet
  echo node-role.kubernetes.io/control-plane:PreferNoSchedule >"$OBJECTS/nodes/$HOST_NAME/taints"
  : >"$OBJECTS/nodes/$HOST_NAME/control-plane"
}

write_control_plane() {
  local name
  mkdir -p "$KUBERNETES/pki/etcd"
  for name in ca etcd/ca etcd/server; do
    [[ -e $KUBERNETES/pki/$name.crt ]] || echo certificate >"$KUBERNETES/pki/$name.crt"
  done
  write_certificate
  for name in admin controller-manager scheduler kubelet; do
    printf 'clusters:\n    client-certificate-data: eA==\n' >"$KUBERNETES/$name.conf"
  done
  write_manifests etcd "${CONTROL_PLANE[@]}"
}

init() {
  local name
  write_control_plane
  write_kubelet_configuration
  mkdir -p "$OBJECTS/objects" "$OBJECTS_HERE/snap"
  [[ -s $OBJECTS_HERE/snap/db ]] || echo data >"$OBJECTS_HERE/snap/db"
  echo "a1, started, $HOST_NAME, https://192.0.2.11:2380, https://192.0.2.11:2379, false" >"$OBJECTS/members"
  echo a1 >"$OBJECTS/leader"
  start_kubelet
  write_secrets
  for name in kubeadm kubelet; do upload "$name"; done
  mark_control_plane
  for name in cluster-info coredns kube-proxy; do upload "$name"; done
  cp "$OBJECTS/objects/kube-proxy" "$OBJECTS/objects/kube-proxy-runs-with"
}

join() {
  grep --quiet 'token: abcdef' "$KUBERNETES/kubeadm/discovery.conf" || exit 1
  meet
  mkdir -p "$KUBERNETES/pki"
  echo certificate >"$KUBERNETES/pki/ca.crt"
  write_kubelet_configuration "$(<"$OBJECTS/objects/kubelet-config")"
  echo kubeconfig >"$KUBERNETES/kubelet.conf"
  start_kubelet
}

# set_member LEARNS: of this machine, node2.
set_member() {
  sed --in-place '/^b2,/d' "$OBJECTS/members"
  echo "b2, started, $HOST_NAME, https://192.0.2.12:2380, https://192.0.2.12:2379, $1" >>"$OBJECTS/members"
}

# join_control_plane CONFIGURATION: it needs a living API server by its name, and the uploaded certificates.
join_control_plane() {
  grep --quiet 'token: abcdef' "$KUBERNETES/kubeadm/discovery.conf" || exit 1
  grep --quiet '^  certificateKey: c0ffee$' "$1" || exit 1
  grep --quiet '^192.0.2.11.api.dev.internal$' "$ROOT/etc/hosts" || exit 1
  meet
  [[ -s $OBJECTS/objects/kubeadm-certs && ! -e $ROOT/var/lib/etcd/member ]] || exit 1
  ETCD_ARGUMENT=--initial-cluster-state=existing
  write_control_plane
  mkdir -p "$OBJECTS_HERE/snap"
  echo data >"$OBJECTS_HERE/snap/db"
  write_kubelet_configuration "$(<"$OBJECTS/objects/kubelet-config")"
  set_member true
  start_kubelet
  set_member false
  mark_control_plane
}

# refuse FILE...: one of them is there.
refuse() {
  local file
  for file in "$@"; do
    [[ ! -e $file ]] || {
      printf '\t[ERROR FileAvailable]: %s already exists\n' "$file" >&2
      exit 1
    }
  done
}

upgrade_apply() {
  meet
  [[ $1 == "v$OF_KUBEADM" ]] || exit 1
  write_manifests etcd "${CONTROL_PLANE[@]}"
  for name in kubeadm kubelet coredns kube-proxy; do upload "$name"; done
  cp "$OBJECTS/objects/kube-proxy" "$OBJECTS/objects/kube-proxy-runs-with"
  write_kubelet_configuration
}

reset() {
  rm -rf "$KUBERNETES/manifests" "$KUBERNETES/pki" "$OBJECTS_HERE"
  rm -f "$KUBERNETES"/*.conf "$KUBELET_CONFIGURATION" "$WORLD"/running/{etcd,kube-*}
}
OBJECTS_HERE=$ROOT/var/lib/etcd/member

case "$*" in
  "init phase preflight"*) refuse "$KUBERNETES"/manifests/*.yaml "$OBJECTS_HERE" ;;
  "init phase control-plane"*) write_manifests "${CONTROL_PLANE[@]}" ;;
  "init phase etcd"*) write_manifests etcd ;;
  "init phase certs apiserver"*) write_certificate ;;
  "init phase upload-config"*) upload "$4" ;;
  "init phase addon kube-proxy"*) upload kube-proxy ;;
  "init phase addon all"*)
    upload kube-proxy
    upload coredns
    ;;
  "init phase kubelet-start"*)
    write_kubelet_configuration
    start_kubelet
    ;;
  "init phase mark-control-plane"*) mark_control_plane ;;
  "init phase kubeconfig"*) echo kubeconfig >"$KUBERNETES/kubelet.conf" ;;
  "init --config"*) init ;;
  "certs certificate-key") echo c0ffee ;;
  "init phase upload-certs"*)
    meet
    echo certificates >"$OBJECTS/objects/kubeadm-certs"
    ;;
  "certs renew"*) ;; # for the same names: another day is not compared
  "join phase preflight"*) refuse "$KUBERNETES"/kubelet.conf "$KUBERNETES"/pki/ca.crt ;;
  "join --config"*) if grep --quiet ^controlPlane: "$3"; then join_control_plane "$3"; else join; fi ;;
  "upgrade apply"*) upgrade_apply "$3" ;;
  "upgrade node"*)
    meet
    write_kubelet_configuration "$(<"$OBJECTS/objects/kubelet-config")"
    ;;
  reset*) reset ;;
  "kubeconfig user"*) printf 'clusters:\n- name: dev\nusers:\n- name: %s\n' "$4" ;;
  "token create"*)
    meet
    echo abcdef.0123456789abcdef
    ;;
  "config images list"*) printf 'registry.k8s.io/pause:3.10.2\nregistry.k8s.io/etcd:3\n' ;;
  version*) echo "v$OF_KUBEADM" ;;
esac
