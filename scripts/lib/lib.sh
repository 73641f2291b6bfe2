# shellcheck shell=bash
# What every step uses. Messages go to standard error; standard output is for what a step returns.
. "$LIBRARY/lib/marks.sh"

# changed TEXT: the one line that a changed thing prints.
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

# put PATH: put the staged file in place; PUT is "changed" when this changed it. Never part of a condition, in which bash
# would go on after a write that failed.
put() {
  local staged=$STAGING/files$1
  PUT=same
  if [[ -f $1 ]] && cmp --silent "$staged" "$1" && [[ $(stat --format %a "$staged") == "$(stat --format %a "$1")" ]]; then
    return
  fi
  (umask 022 && mkdir -p "$(dirname "$1")")
  install --mode "$(stat --format %a "$staged")" "$staged" "$1.new"
  mv "$1.new" "$1"
  # shellcheck disable=SC2034 # callers read it
  PUT=changed
  changed "wrote $1"
}

# is_staged PATH: whether the stack asks for this file.
is_staged() { [[ -f $STAGING/files$1 ]]; }

# staged_below [DIRECTORY]: paths of the staged files, one a line: of all, or of those below the directory.
staged_below() {
  if [[ -d $STAGING/files${1:-} ]]; then find "$STAGING/files${1:-}" -type f -printf "${1:-}/%P\n" | sort; fi
}

# remove_leftovers: what an earlier run of this step put and the stack does not ask for any more is gone. What another step
# puts now stays.
remove_leftovers() {
  local path
  mkdir -p "$FILE_LISTS"
  staged_below >"$STAGING/asked-for"
  touch "$FILE_LISTS/$STEP"
  while read -r path; do
    [[ -e $path ]] || continue
    rm "$path"
    changed "removed $path"
  done < <(comm -23 "$FILE_LISTS/$STEP" <(find "$FILE_LISTS" -type f ! -name "$STEP" -exec cat {} + | sort "$STAGING/asked-for" -))
  mv "$STAGING/asked-for" "$FILE_LISTS/$STEP"
}

# comes_true SECONDS COMMAND...: try once a second until the command succeeds, or the time is over.
comes_true() {
  local seconds=$1 began=$SECONDS
  shift
  until "$@" &>/dev/null; do
    ((SECONDS - began < seconds)) || return 1
    sleep 1
  done
}

# wait_for SECONDS EXPECTED NEXT COMMAND...: the step ends where it does not come true.
wait_for() {
  local seconds=$1 expected=$2 next=$3
  shift 3
  comes_true "$seconds" "$@" || fail "$expected within $seconds s" "$("$@" 2>&1 | tail -n 5)" "$next"
}

unexpected_exit() {
  # What fails in a substitution is either looked at there, as in arguments of fail, or fails outside of it once more.
  ((BASH_SUBSHELL == 0)) || return 0
  explain "\`$4\` to succeed" "exit status $1 (${2##*/}, line $3)" "less /var/log/pulumi-kubeadm/$STEP.log" >&2
}
set -o errtrace
trap 'unexpected_exit $? "${BASH_SOURCE[0]}" $LINENO "$BASH_COMMAND"' ERR
