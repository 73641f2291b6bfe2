# shellcheck shell=bash
# Sourced by the text that components/steps/remote.py sends. Runs one step at a time on this machine; a run that lost its SSH
# session goes on to its end, and the next one waits for it.

export STEP=$1 MODE=${2:-create}
LIBRARY=$(dirname "${BASH_SOURCE[0]}")
export LIBRARY STAGING=/run/pulumi-kubeadm/$1 STATE=/var/lib/pulumi-kubeadm
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LOGS=/var/log/pulumi-kubeadm
umask 077

. "$LIBRARY/lib/lib.sh"

# Beside its own work a step may drain a node, for as long as the policy of the stack allows.
drain_seconds=${DRAIN_TIMEOUT_SECONDS:-$(mark drain-timeout-seconds)}
STEP_TIMEOUT_SECONDS=$((1200 + ${drain_seconds:-0}))
# Of many workers that leave at once each waits on the control plane until the ones before it are drained.
LOCK_TIMEOUT_SECONDS=$((10 * STEP_TIMEOUT_SECONDS))

mkdir -p "$STATE" "$LOGS" /run/pulumi-kubeadm
exec {lock}>/run/pulumi-kubeadm/lock
flock --wait "$LOCK_TIMEOUT_SECONDS" "$lock" ||
  fail "no other run on this machine" "a run that holds /run/pulumi-kubeadm/lock" "fuser -v /run/pulumi-kubeadm/lock"
rm -rf "$STAGING"
mkdir -p "$STAGING"

# stage MODE PATH CONTENT: lay a file ready for the step, which may put it in place.
stage() {
  install -D --mode "$1" /dev/null "$STAGING/files$2"
  printf '%s' "$3" >"$STAGING/files$2"
}

# run_step SCRIPT [UNDO]: run the script, or what undoes it when the command is deleted. It writes to files, not to the SSH
# session: it must not die of a broken pipe when the session is lost.
run_step() {
  local script=$1 log=$LOGS/$STEP.log status=0
  [[ $MODE != delete ]] || script=$2
  timeout --kill-after 10 "$STEP_TIMEOUT_SECONDS" \
    bash -euo pipefail "$LIBRARY/steps/$script.sh" </dev/null >"$STAGING/stdout" 2>"$STAGING/log" || status=$?
  # A full disk has no room for it; what the step says of that is told all the same.
  cp "$STAGING/log" "$log" 2>/dev/null || true
  # A line of more than 64 KiB hangs the command provider (1.2.1, util.LogOutput).
  cut --characters=-4000 "$STAGING/log" >&2
  if ((status == 124 || status == 137)); then
    explain "the step to end within $STEP_TIMEOUT_SECONDS s" "it still running" "less $log" >&2
  fi
  cat "$STAGING/stdout"
  rm -rf "$STAGING"
  trap - ERR # the step has explained itself
  return "$status"
}
