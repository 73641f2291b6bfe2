# shellcheck shell=bash
# File systems that are mounted below a directory which a reset empties.

# mounts_below DIRECTORY: one a line, those that were mounted last first. The kernel writes a blank as `\040`.
mounts_below() {
  local mounts
  mounts=$(awk -v below="$1/" 'index($2, below) == 1 {print $2}' /proc/mounts | tac)
  printf '%b' "$mounts"
}

# unmount_below DIRECTORY: what is mounted there is not what a reset deletes.
unmount_below() {
  local directory mounts mount
  directory=$(realpath --canonicalize-missing "$1")
  mounts=$(mounts_below "$directory")
  while read -r mount; do
    [[ -n $mount ]] || continue
    umount "$mount" 2>"$STAGING/umount" ||
      fail "nothing to be mounted below $1 any more, where a reset would delete it" "$(<"$STAGING/umount")" \
        "on $HOST_NAME: fuser --mount --verbose '$mount'; umount '$mount'; then pulumi up"
  done <<<"$mounts"
}

# empty DIRECTORY [NAME]: its content goes, but for the file of this name. The directory may be a mount point, or a link to one
# elsewhere, and stays; so does a mount point below it, without its content.
empty() {
  local directory mounts path stays=()
  [[ -d $1 ]] || return 0
  directory=$(realpath "$1")
  [[ -z ${2:-} ]] || stays=(! -path "$directory/$2")
  mounts=$(mounts_below "$directory")
  while read -r path; do
    until [[ -z $path || $path == "$directory" ]]; do
      stays+=(! -path "$path")
      path=${path%/*}
    done
  done <<<"$mounts"
  find "$directory" -mindepth 1 "${stays[@]}" -delete
}
