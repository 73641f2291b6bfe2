# shellcheck shell=bash
# What every step uses. Messages go to standard error; standard output is for what a step returns.
. "$LIBRARY/lib/marks.sh"

# A command that fails in `$(...)` ends it, as it ends a step: an assignment or an argument of `local` hides no failure.
shopt -s inherit_errexit

# changed TEXT: print what the step changed, in one line.
changed() { printf '%s: %s\n' "$HOST_NAME" "$1" >&2; }

# explain EXPECTED SEEN NEXT: the form of every error.
explain() {
  printf '%s: %s: expected %s,\n  saw %s\n  Next: %s\n' "$HOST_NAME" "$STEP" "$1" "${2//$'\n'/$'\n    '}" "$3"
}

# fail EXPECTED SEEN NEXT: end the step.
fail() {
  trap - ERR
  explain "$@" >&2
  exit 1
}

# step_is_done: the last line of each step. run_step reports a step that ends without this line.
step_is_done() { : >"$STAGING/done"; }

# put PATH: put the staged file in place. PUT is "changed" if that changed the file, otherwise "same". Never call `put` in a
# condition: bash would go on after a failed write.
put() {
  local staged=$STAGING/files$1 mode mode_there=none
  PUT=same
  mode=$(stat --format %a "$staged")
  if [[ -f $1 ]]; then mode_there=$(stat --format %a "$1"); fi
  if [[ $mode_there == "$mode" ]] && cmp --silent "$staged" "$1"; then
    rm -f "$1.new" # left by an interrupted edit that was taken back
    return
  fi
  (umask 022 && mkdir -p "$(dirname "$1")")
  install --mode "$mode" "$staged" "$1.new"
  sync "$1.new" # after a power cut the file is the old one or the new one, and never empty
  mv "$1.new" "$1"
  sync "$(dirname "$1")"
  # shellcheck disable=SC2034 # callers read it
  PUT=changed
  changed "wrote $1"
}

# keep DIRECTORY FILE...: copy files into a new directory. The directory exists with all files or not at all, also after a
# power cut.
keep() {
  local directory=$1
  shift
  rm -rf "$directory.new"
  mkdir "$directory.new"
  cp --preserve "$@" "$directory.new/"
  sync "$directory.new"/* "$directory.new"
  [[ ! -e $directory ]] || drop "$directory"
  mv "$directory.new" "$directory"
  sync "$STATE"
}

# drop DIRECTORY: delete a directory of `keep` as a whole: the next run would put back what is left of it.
drop() {
  mv "$1" "$1.dropped.new" # the next run deletes it
  sync "$STATE"
  rm -rf "$1.dropped.new"
}

# is_staged PATH: whether the step has this file among its staged files.
is_staged() { [[ -f $STAGING/files$1 ]]; }

# staged_below [DIRECTORY]: paths of the staged files, one a line: of all, or of those below the directory.
staged_below() {
  if [[ -d $STAGING/files${1:-} ]]; then find "$STAGING/files${1:-}" -type f -printf "${1:-}/%P\n" | sort; fi
}

# remove_leftovers: delete files that this step installed earlier and no longer stages, unless another step installs them.
remove_leftovers() {
  local new=$FILE_LISTS.new path leftovers
  mkdir -p "$FILE_LISTS"
  staged_below >"$new"
  touch "$FILE_LISTS/$STEP"
  find "$FILE_LISTS" -type f ! -name "$STEP" -exec cat {} + | sort "$new" - >"$STAGING/wanted-files"
  leftovers=$(comm -23 "$FILE_LISTS/$STEP" "$STAGING/wanted-files")
  while read -r path; do
    [[ -n $path && -e $path ]] || continue
    rm "$path"
    changed "removed $path"
  done <<<"$leftovers"
  # The new list is beside the directory of lists, on its file system, because every file in the directory is read as a list.
  sync "$new"
  mv "$new" "$FILE_LISTS/$STEP"
  sync "$FILE_LISTS"
}

# kubectl ARGUMENT...: kubectl with a time limit for a request: an API server may accept connections and be silent. `kubectl
# drain` and `kubectl rollout status` watch for longer: `timeout` limits them.
REQUEST_TIMEOUT=20s
kubectl() { command kubectl "$@" --request-timeout="$REQUEST_TIMEOUT"; }

# curl_directly ARGUMENT...: curl without the options in ~/.curlrc, where root may have a proxy for other networks.
curl_directly() { curl --disable "$@"; }

# free_disk_mib DIRECTORY: free MiB of the file system of the directory.
free_disk_mib() { df --output=avail --block-size=1M "$1" | tail -n 1 | tr -d ' '; }

# missing_mount PATH: the mount point of /etc/fstab at the path, or the nearest one above it, if nothing is mounted there. A
# file that is written below it fills another file system, and is hidden once the right one is mounted.
missing_mount() {
  local path
  [[ -f /etc/fstab ]] || return 0
  path=$(realpath --canonicalize-missing "$1")
  until [[ $path == / ]]; do
    if awk -v path="$path" '$1 !~ /^#/ {sub("/+$", "", $2); if ($2 == path) found = 1} END {exit !found}' /etc/fstab; then
      mountpoint --quiet "$path" || printf '%s' "$path"
      return
    fi
    path=$(dirname "$path")
  done
}

# uptime_seconds: seconds since the boot, for time limits. Somebody may set the clock of the machine at any moment, which
# changes SECONDS, too.
uptime_seconds() {
  local uptime
  read -r uptime _ </proc/uptime
  printf '%s' "${uptime%.*}"
}

# comes_true SECONDS COMMAND...: run the command once a second until it succeeds; fails when the time is over.
comes_true() {
  local seconds=$1 began now
  shift
  began=$(uptime_seconds) || return 1
  until "$@" &>/dev/null; do
    now=$(uptime_seconds) || return 1
    ((now - began < seconds)) || return 1
    sleep 1
  done
}

# wait_for SECONDS EXPECTED NEXT COMMAND...: as comes_true; when the time is over the step ends with an error.
wait_for() {
  local seconds=$1 expected=$2 next=$3
  shift 3
  comes_true "$seconds" "$@" || fail "$expected within $seconds s" "$("$@" 2>&1 | tail -n 5)" "$next"
}

# ask EXPECTED COMMAND...: ANSWER is the output of the command. A command that fails gives no answer and is repeated. When the
# time is over the step ends, and nothing is decided.
ANSWER_SECONDS=60
ask() {
  local expected=$1 next="on the control plane: crictl ps -a; journalctl -u kubelet -n 50; then pulumi up"
  shift
  wait_for "$ANSWER_SECONDS" "$expected" "$next" hear "$@"
}
# shellcheck disable=SC2034 # callers read it
hear() { ANSWER=$("$@"); }

unexpected_exit() {
  # A failure in a substitution is handled outside of it: `fail` accepts one in its arguments, and an assignment fails itself.
  ((BASH_SUBSHELL == 0)) || return 0
  explain "\`$4\` to succeed" "exit status $1 (${2##*/}, line $3)" "less $LOGS/$STEP.log" >&2
}
set -o errtrace
trap 'unexpected_exit $? "${BASH_SOURCE[0]}" $LINENO "$BASH_COMMAND"' ERR
