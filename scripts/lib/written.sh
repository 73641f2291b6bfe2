# shellcheck shell=bash
# Copies of files that kubeadm wrote for the kubelet, as the last update left them: a file that differs from its copy was
# edited. Before kubeadm writes a file, its copy is deleted; at its end a step copies the files without a copy. So an
# interrupted run leaves no wrong copy, and an update that leaves a file alone does not accept an edit.
# Needs: lib/kubeadm.sh lib/kubelet.sh
# shellcheck disable=SC2034 # those who source this file read the names

WRITTEN_MANIFESTS=("$MANIFESTS"/{kube-apiserver,kube-controller-manager,kube-scheduler}.yaml)
KUBELET_FLAGS=${KUBELET_CONFIG%/*}/kubeadm-flags.env
WRITTEN_FILES=("${WRITTEN_MANIFESTS[@]}" "$MANIFESTS/etcd.yaml" "$KUBELET_CONFIG" "$KUBELET_FLAGS")

# forget_written FILE...: delete the copies of files that kubeadm is about to write.
forget_written() {
  local path
  [[ -d $WRITTEN ]] || return 0
  for path in "$@"; do
    rm -f "$WRITTEN/${path##*/}"
  done
  sync "$WRITTEN"
}

# forget_unedited FILE: delete the copy, unless the file was edited: kubeadm may write this file, or leave what was edited in
# it.
forget_unedited() {
  ! cmp --silent "$WRITTEN/${1##*/}" "$1" || forget_written "$1"
}

# judge_edited_flags: decide about the copy of an edited file of flags after an upgrade, in which kubeadm takes away flags that
# the new kubelet does not know. If the file lacks a flag of the copy, the copy is deleted: a repair would bring the flag back.
# Otherwise the copy stays, and the edit remains visible.
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

# keep_written: copy the files that have no copy.
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
