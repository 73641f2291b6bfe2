# shellcheck shell=bash
# The environment of a step, and the functions that a recorded command calls after run.sh.
# Needs: DRAIN_TIMEOUT_SECONDS; lib/owner.sh

# Without the second one needrestart of Ubuntu would restart services of a node behind each package, in the middle of a step.
export STAGING=/run/pulumi-kubeadm/$STEP LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=yes
# Preferences of root for kubectl, in ~/.kube/kuberc, may let it ask before it deletes: nobody answers, and kubectl succeeds.
export KUBERC=off
# sudo hands on the proxy of /etc/environment: kubeadm would give it to the pods of the control plane, and requests to the API
# would go there. Only what fetches packages and keys gets it.
MACHINE_PROXY=$(env | grep --ignore-case --extended-regexp '^(https?|ftp|all|no)_proxy=') || true # none is the rule
export MACHINE_PROXY
while IFS='=' read -r name _; do
  if [[ -n $name ]]; then unset "$name"; fi
done <<<"$MACHINE_PROXY"
# Staged files, and marks and copies, of a run that was cut short.
rm -rf "$STAGING" "$STATE"/*.new
mkdir -p "$STAGING"
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/owner.sh"
# Each mark would be missing: a node would count as a machine of no cluster.
missing=$(missing_mount "$STATE")
[[ -z $missing ]] || fail "the file system of $STATE at $missing, as /etc/fstab has it" "nothing mounted there" \
  "mount $missing, or take the line out of /etc/fstab; then again"
mkdir -p "$STATE" "$LOGS"

# Beside its own work a step may drain a node, for as long as the policy of the stack allows.
drain_seconds=${DRAIN_TIMEOUT_SECONDS:-$(mark "$DRAIN_TIMEOUT_MARK")}
STEP_TIMEOUT_SECONDS=$((1200 + ${drain_seconds:-0}))

# stage MODE PATH CONTENT: lay a file ready for the step, which may put it in place.
stage() {
  install -D --mode "$1" /dev/null "$STAGING/files$2"
  printf '%s' "$3" >"$STAGING/files$2"
}

# share MODE PATH CHECKSUM: as stage, for a file that other hosts have too: its content came with the scripts.
share() {
  local content=$PLACE/files/$3 sum
  # A script that undoes a step reads no file, and the file may be that of a later update.
  # shellcheck disable=SC2153 # run.sh sets MODE
  [[ $MODE != delete ]] || return 0
  if ! { [[ -f $content ]] && sum=$(sha256sum <"$content") && [[ ${sum:0:32} == "$3" ]]; }; then
    refuse_other_cluster # it keeps its own files
    fail "the content of $2, with checksum $3, in $PLACE/files" "none, or another" "pulumi up"
  fi
  install -D --mode "$1" "$content" "$STAGING/files$2"
}

# run_step SCRIPT [UNDO]: run the script, or what undoes it when the command is deleted. It writes to files, not to the SSH
# session: it must not die of a broken pipe when the session is lost.
run_step() {
  local script=$1 log=$LOGS/$STEP.log status=0 began ended is_done=false is_explained=false
  # shellcheck disable=SC2153 # run.sh sets MODE
  [[ $MODE != delete ]] || script=$2
  began=$(uptime_seconds)
  # `timeout` holds the lock as long as the script runs, also without this shell. A daemon that the script starts does not hold
  # the lock, nor does a program that outlives the time limit because it ignores TERM.
  # shellcheck disable=SC2016,SC2154 # the inner shell expands them; run.sh sets lock
  timeout --kill-after 10 "$STEP_TIMEOUT_SECONDS" \
    bash -c 'lock=$1; exec {lock}>&-; exec bash -euo pipefail "$2"' step "$lock" "$LIBRARY/steps/$script.sh" \
    </dev/null >"$STAGING/stdout" 2>"$STAGING/log" || status=$?
  ended=$(uptime_seconds)
  # A full disk has no room for the log; the messages of the step are printed all the same.
  cp "$STAGING/log" "$log" 2>/dev/null || true
  if [[ -e $STAGING/done ]]; then is_done=true; fi
  if grep --quiet "^$HOST_NAME: $STEP: expected " "$STAGING/log"; then is_explained=true; fi
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
  # `timeout` says 124 or 137, and so does a step whose command ran out of its own time, or that was killed by something else.
  if ((status == 124 || status == 137)) && ((ended - began >= STEP_TIMEOUT_SECONDS)); then
    explain "the step to end within $STEP_TIMEOUT_SECONDS s" "it still running" "less $log" >&2
  elif ((status > 128)) && [[ $is_explained == false ]]; then
    explain "the step to go to its end" "it was killed by signal $((status - 128)), for lack of memory perhaps" \
      "journalctl --dmesg | grep -i 'killed process'; less $log; then pulumi up" >&2
  fi
  trap - ERR # the step has explained itself
  # The error of a failed command shows its standard output, where a step returns secrets: what comes last fails no more.
  ((status == 0)) || return "$status"
  # A login may print, as by .bashrc: what stands above this line is not the step's. components/steps/result.py reads it.
  printf '%s\n' "-- the step returned --"
  cat <&"$result"
}
