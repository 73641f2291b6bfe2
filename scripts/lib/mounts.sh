# shellcheck shell=bash
# File systems that are mounted below a directory that a reset empties.

# mounts_below DIRECTORY: mount points below the directory, one a line, the last mounted first. The kernel writes a blank as
# `\040`.
mounts_below() {
  local mounts
  mounts=$(awk -v below="$1/" 'index($2, below) == 1 {print $2}' /proc/mounts | tac)
  printf '%b' "$mounts"
}

# refuse_silent_mounts DIRECTORY: end the step if a file system below the directory does not answer: kubeadm, and every other
# program that reads it, would wait for its server without end. The function itself does not wait for a `stat` that no signal
# ends.
SERVER_SECONDS=10
UNMOUNT_SECONDS=60
refuse_silent_mounts() {
  local directory mounts mount silent=
  local -A looks=()
  directory=$(realpath --canonicalize-missing "$1")
  mounts=$(mounts_below "$directory")
  while read -r mount; do
    [[ -n $mount ]] || continue
    stat --file-system "$mount" &>/dev/null &
    looks[$mount]=$!
  done <<<"$mounts"
  if comes_true "$SERVER_SECONDS" have_ended "${looks[@]}"; then return; fi
  for mount in "${!looks[@]}"; do
    if ! have_ended "${looks[$mount]}"; then silent+=" '$mount'"; fi
  done
  kill -KILL "${looks[@]}" 2>/dev/null || true # some have ended
  fail "an answer within $SERVER_SECONDS s of each file system below $1" "none of$silent: its server may be down" \
    "start the server; or, which loses what it was not sent yet, on $HOST_NAME: umount --force --lazy$silent; then pulumi up"
}

# have_ended PROCESS...: whether all processes have ended.
have_ended() {
  local process
  for process in "$@"; do
    ! kill -0 "$process" 2>/dev/null || return 1
  done
}

# unmount_below DIRECTORY: unmount the file systems below the directory: a reset must not delete their content.
unmount_below() {
  local directory mounts mount message
  directory=$(realpath --canonicalize-missing "$1")
  mounts=$(mounts_below "$directory")
  while read -r mount; do
    [[ -n $mount ]] || continue
    timeout --kill-after 1 "$UNMOUNT_SECONDS" umount "$mount" 2>"$STAGING/umount" || {
      message=$(<"$STAGING/umount")
      fail "nothing to be mounted below $1 any more, where a reset would delete it" \
        "${message:-umount $mount not to end within $UNMOUNT_SECONDS s}" \
        "on $HOST_NAME: fuser --mount --verbose '$mount'; umount '$mount'; then pulumi up"
    }
  done <<<"$mounts"
}

# empty DIRECTORY [NAME]: delete the content of the directory, except the file of this name. The directory stays: it may be a
# mount point, or a link to one. Mount points below it stay, too, without their content.
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
