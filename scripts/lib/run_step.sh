# shellcheck shell=bash
# The environment of a step, and the two functions that a recorded command calls after run.sh.
# Needs: DRAIN_TIMEOUT_SECONDS

export STAGING=/run/pulumi-kubeadm/$STEP LC_ALL=C DEBIAN_FRONTEND=noninteractive
LOGS=/var/log/pulumi-kubeadm
mkdir -p "$STATE" "$LOGS"
# Staged files, and marks and copies, of a run that was cut short.
rm -rf "$STAGING" "$STATE"/*.new
mkdir -p "$STAGING"
. "$LIBRARY/lib/lib.sh"

# Beside its own work a step may drain a node, for as long as the policy of the stack allows.
drain_seconds=${DRAIN_TIMEOUT_SECONDS:-$(mark "$DRAIN_TIMEOUT_MARK")}
STEP_TIMEOUT_SECONDS=$((1200 + ${drain_seconds:-0}))

# stage MODE PATH CONTENT: lay a file ready for the step, which may put it in place.
stage() {
  install -D --mode "$1" /dev/null "$STAGING/files$2"
  printf '%s' "$3" >"$STAGING/files$2"
}

# run_step SCRIPT [UNDO]: run the script, or what undoes it when the command is deleted. It writes to files, not to the SSH
# session: it must not die of a broken pipe when the session is lost.
run_step() {
  local script=$1 log=$LOGS/$STEP.log status=0 is_done=false
  # shellcheck disable=SC2153 # run.sh sets MODE
  [[ $MODE != delete ]] || script=$2
  timeout --kill-after 10 "$STEP_TIMEOUT_SECONDS" \
    bash -euo pipefail "$LIBRARY/steps/$script.sh" </dev/null >"$STAGING/stdout" 2>"$STAGING/log" || status=$?
  # A full disk has no room for it; what the step says of that is told all the same.
  cp "$STAGING/log" "$log" 2>/dev/null || true
  if [[ -e $STAGING/done ]]; then is_done=true; fi
  # Among the staged files may be passwords. Where the session is lost, the first line that nobody reads ends this shell.
  exec {said}<"$STAGING/log" {result}<"$STAGING/stdout"
  rm -rf "$STAGING"
  # A line of more than 64 KiB hangs the command provider (1.2.1, util.LogOutput).
  cut --characters=-4000 <&"$said" >&2
  if ((status == 0)) && [[ $is_done == false ]]; then
    explain "the step to go to its end" "$LIBRARY/steps/$script.sh ended before its last line" \
      "make repair STACK=... HOST=$HOST_NAME" >&2
    status=1
  fi
  if ((status == 124 || status == 137)); then
    explain "the step to end within $STEP_TIMEOUT_SECONDS s" "it still running" "less $log" >&2
  fi
  trap - ERR # the step has explained itself
  # The error of a failed command shows its standard output, where a step returns secrets: what comes last fails no more.
  ((status == 0)) || return "$status"
  cat <&"$result"
}
