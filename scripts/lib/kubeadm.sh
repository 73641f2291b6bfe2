# shellcheck shell=bash
# kubeadm on this machine, and its files.
# Needs: lib/messages.sh
# shellcheck disable=SC2034 # those who source this file read the names
. "$LIBRARY/lib/messages.sh"

KUBEADM_CONFIG=/etc/kubernetes/kubeadm/config.yaml
DISCOVERY=/etc/kubernetes/kubeadm/discovery.conf
INVITATION=/etc/kubernetes/kubeadm/invitation
JOIN_AUTHORITY=/etc/kubernetes/kubeadm/ca.crt
ADMIN_CONF=/etc/kubernetes/admin.conf
KUBELET_CONF=/etc/kubernetes/kubelet.conf
PKI=/etc/kubernetes/pki
MANIFESTS=/etc/kubernetes/manifests
# The command with which a person resets an interrupted init.
RESET="kubeadm reset --force && rm -rf /etc/cni/net.d /var/lib/etcd/* $STATE/$INIT_STARTED_MARK"

# manifest_version: the Kubernetes version in the manifest of the API server; nothing without the manifest.
manifest_version() {
  local manifest=$MANIFESTS/kube-apiserver.yaml
  if [[ -f $manifest ]]; then sed --quiet --regexp-extended 's|^ *image: .*/kube-apiserver:v([^@]*).*|\1|p' "$manifest"; fi
}

# second_manifests: files with a pod that kubeadm has in a file of its own, such as a copy that somebody made before an edit,
# one a line. The kubelet reads every file there, and runs either of the two.
second_manifests() {
  local path name
  for path in "$MANIFESTS"/*; do
    [[ -f $path ]] || continue
    name=$(sed --quiet --regexp-extended 's/^  name: (etcd|kube-[a-z-]+)$/\1/p' "$path") || return 1
    [[ -z $name || ! -e $MANIFESTS/$name.yaml || $path == "$MANIFESTS/$name.yaml" ]] || echo "$path"
  done
}

# run_kubeadm NEXT ARGUMENT...: run kubeadm. If it fails, the step ends with the lines that say why.
run_kubeadm() {
  local next=$1 command
  shift
  command="kubeadm $*"
  kubeadm "$@" >"$STAGING/kubeadm" 2>&1 ||
    fail "${command%% --*} to succeed" "$(failure_lines "$STAGING/kubeadm")" "$next"
}

# undo_kubeadm: remove what kubeadm made on this machine. If containerd does not end the pods, kubeadm only warns: an API
# server would serve on, and etcd write on, although their files are deleted. kubeadm waits without end for a volume whose file
# server is down, hence the time limit.
RESET_SECONDS=600
undo_kubeadm() {
  local status=0
  timeout --kill-after 10 "$RESET_SECONDS" kubeadm reset --force --cri-socket unix:///run/containerd/containerd.sock \
    >"$STAGING/kubeadm" 2>&1 || status=$?
  case $status in
    0) ;;
    124 | 137)
      fail "kubeadm reset to end within $RESET_SECONDS s" "it still running, after: $(failure_lines "$STAGING/kubeadm")" \
        "on $HOST_NAME: grep /var/lib/kubelet /proc/mounts; umount --force --lazy what does not answer; then pulumi up"
      ;;
    *) fail "kubeadm reset to succeed" "$(failure_lines "$STAGING/kubeadm")" "kubeadm reset --force" ;;
  esac
  wait_for_end_of_pods
}

wait_for_end_of_pods() {
  wait_for 30 "every pod on the machine to end" "systemctl restart containerd, or reboot $HOST_NAME; then pulumi up" no_pod_runs
}

no_pod_runs() {
  local cgroup processes=
  for cgroup in /sys/fs/cgroup/{,systemd/}kubepods*; do
    [[ ! -d $cgroup ]] || processes+=$(find "$cgroup" -name cgroup.procs -exec cat {} +) || return 1
  done
  [[ -z $processes ]] || { echo "processes of pods: ${processes//$'\n'/ }" && return 1; }
}

# sync_kubeadm_files: write to the disk what kubeadm wrote and did not sync, before a mark says that it is there.
sync_kubeadm_files() { sync --file-system /etc /var/lib; }

# check_before init|join IGNORED [CONFIGURATION]: run kubeadm's own checks of the machine, except the ignored ones. The checks
# change nothing, so a machine that they refuse needs no reset.
check_before() {
  local ignored=$2 data
  # The root of a separate file system has lost+found, which etcd accepts.
  data=$(ls --almost-all /var/lib/etcd 2>/dev/null) || true
  [[ $data != lost+found ]] || ignored+=${ignored:+,}DirAvailable--var-lib-etcd
  run_kubeadm "mend what it names, or name the check in cluster.ignorePreflightErrors in the stack file; then pulumi up" \
    "$1" phase preflight --config "${3:-$KUBEADM_CONFIG}" --ignore-preflight-errors="$ignored"
}

# kubeadm_images: the images of a control plane, one a line. Warnings of kubeadm are in $STAGING/kubeadm.
kubeadm_images() {
  local list="kubeadm config images list --config $KUBEADM_CONFIG"
  $list 2>"$STAGING/kubeadm" || fail "kubeadm to read its configuration" "$(failure_lines "$STAGING/kubeadm")" "$list"
}
