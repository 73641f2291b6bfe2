# shellcheck shell=bash
# File systems that are mounted below a directory which a reset empties.

# mounts_below DIRECTORY: one a line, those that were mounted last first. The kernel writes a blank as `\040`.
mounts_below() {
  local mounts
  mounts=$(awk -v below="$1/" 'index($2, below) == 1 {print $2}' /proc/mounts | tac)
  printf '%b' "$mounts"
}

# refuse_silent_mounts DIRECTORY: whoever looks at a file system whose server does not answer waits for it without end, kubeadm
# for one. A program that nothing ends is not waited for here.
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

# have_ended PROCESS...: all of them.
have_ended() {
  local process
  for process in "$@"; do
    ! kill -0 "$process" 2>/dev/null || return 1
  done
}

# unmount_below DIRECTORY: what is mounted there is not what a reset deletes.
unmount_below() {
  local directory mounts mount said
  directory=$(realpath --canonicalize-missing "$1")
  mounts=$(mounts_below "$directory")
  while read -r mount; do
    [[ -n $mount ]] || continue
    timeout --kill-after 1 "$UNMOUNT_SECONDS" umount "$mount" 2>"$STAGING/umount" || {
      said=$(<"$STAGING/umount")
      fail "nothing to be mounted below $1 any more, where a reset would delete it" \
        "${said:-umount $mount not to end within $UNMOUNT_SECONDS s}" \
        "on $HOST_NAME: fuser --mount --verbose '$mount'; umount '$mount'; then pulumi up"
    }
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
