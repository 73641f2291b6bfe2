# shellcheck shell=bash
# A disk without room for the files of steps: `fill` lays a full file system with the same content over each directory, `free`
# takes over what has changed in it. kubelet, containerd and etcd keep their own file systems.
DIRECTORIES=(/etc /var/lib/pulumi-kubeadm /var/log/pulumi-kubeadm /usr/local/lib/pulumi-kubeadm)
PLACE=/mnt/full-disk

fill() {
  local directory
  mkdir --parents "$PLACE/below"
  mount --bind / "$PLACE/below"
  for directory in "${DIRECTORIES[@]}"; do
    [[ -d $directory ]] || continue
    mkdir --parents "$PLACE/over$directory"
    mount -t tmpfs -o size=64m,mode=755 tmpfs "$PLACE/over$directory"
    cp --archive "$directory/." "$PLACE/over$directory"
    mount --bind "$PLACE/over$directory" "$directory"
    cat /dev/zero >"$directory/filler" 2>/dev/null || true # ends where the file system does
  done
}

take_over() {
  local over=$1 below=$2 path
  rm --force "$over/filler"
  while IFS= read -r -d '' path; do
    [[ -e $over/$path || -L $over/$path ]] || rm --recursive --force "${below:?}/$path"
  done < <(cd "$below" && find . -mindepth 1 -print0)
  while IFS= read -r -d '' path; do
    if [[ -d $over/$path && ! -L $over/$path ]]; then
      mkdir --parents "$below/$path"
    elif [[ $(stat --format '%F %a %u %Y %N' "$over/$path") != $(stat --format '%F %a %u %Y %N' "$below/$path" 2>&1) ]] ||
      { [[ -f $over/$path ]] && ! cmp --quiet "$over/$path" "$below/$path"; }; then
      cp --archive --no-target-directory "$over/$path" "$below/$path.taken"
      mv --no-target-directory "$below/$path.taken" "$below/$path"
    fi
  done < <(cd "$over" && find . -mindepth 1 -print0)
}

free() {
  local directory
  # A step that met the full disk goes to its end first.
  mkdir --parents /run/pulumi-kubeadm # a machine that no step has seen
  exec 9>/run/pulumi-kubeadm/lock
  flock --wait 300 9
  for directory in "${DIRECTORIES[@]}"; do
    mountpoint --quiet "$PLACE/over$directory" || continue
    take_over "$PLACE/over$directory" "$PLACE/below$directory"
    umount --lazy "$directory" "$PLACE/over$directory"
  done
  umount --lazy "$PLACE/below"
}
