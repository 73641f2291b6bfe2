# shellcheck shell=bash
# Files that kubeadm wrote for the kubelet: a copy of each, as the last update left it, tells what somebody edited since. Before
# kubeadm writes a file its copy goes, and a step that went to its end copies those that have none. So a run that was cut short
# leaves no copy that is wrong, and an update that leaves a file alone takes no edit for its own.
# Needs: lib/kubeadm.sh lib/kubelet.sh
# shellcheck disable=SC2034 # those who source this file read the names

WRITTEN_MANIFESTS=("$MANIFESTS"/{kube-apiserver,kube-controller-manager,kube-scheduler}.yaml)
KUBELET_FLAGS=${KUBELET_CONFIG%/*}/kubeadm-flags.env
WRITTEN_FILES=("${WRITTEN_MANIFESTS[@]}" "$MANIFESTS/etcd.yaml" "$KUBELET_CONFIG" "$KUBELET_FLAGS")

# forget_written FILE...: kubeadm is about to write them.
forget_written() {
  local path
  [[ -d $WRITTEN ]] || return 0
  for path in "$@"; do
    rm -f "$WRITTEN/${path##*/}"
  done
  sync "$WRITTEN"
}

# forget_unedited FILE: kubeadm may write it, or leave what somebody edited in it.
forget_unedited() {
  ! cmp --silent "$WRITTEN/${1##*/}" "$1" || forget_written "$1"
}

# judge_edited_flags: after an upgrade, in which kubeadm takes away flags that the new kubelet does not know. The copy beside
# flags that somebody edited goes on telling the edit, unless they lack a flag of it: a repair may not bring that back.
judge_edited_flags() {
  local copy=$WRITTEN/${KUBELET_FLAGS##*/} flags names name
  [[ -f $copy && -f $KUBELET_FLAGS ]] || return 0
  flags=$(tr '"=' '  ' <"$KUBELET_FLAGS")
  names=$(grep --only-matching --extended-regexp -e '--[a-z-]+' "$copy") || names=
  for name in $names; do
    [[ " $flags " != *" $name "* ]] || continue
    forget_written "$KUBELET_FLAGS"
    changed "$KUBELET_FLAGS, which somebody edited, counts as kubeadm's from now on: it lacks $name"
    return 0
  done
  changed "$KUBELET_FLAGS keeps what somebody edited: make drift STACK=... HOST=$HOST_NAME"
}

# keep_written: copy the files of which there is no copy.
keep_written() {
  local path name
  mkdir -p "$WRITTEN"
  for path in "${WRITTEN_FILES[@]}"; do
    name=${path##*/}
    [[ -s $path && ! -e $WRITTEN/$name ]] || continue
    cp --preserve "$path" "$STATE/$name.new"
    sync "$STATE/$name.new"
    mv "$STATE/$name.new" "$WRITTEN/$name"
  done
  sync "$WRITTEN"
}
