# shellcheck shell=bash
# The environment of a step, and the functions that a recorded command calls after run.sh.
# Needs: DRAIN_TIMEOUT_SECONDS; lib/owner.sh

# Without NEEDRESTART_SUSPEND, needrestart of Ubuntu restarts services of a node behind each package, in the middle of a step.
export STAGING=/run/pulumi-kubeadm/$STEP LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=yes
# Preferences of root in ~/.kube/kuberc may make kubectl ask before it deletes: nobody answers, and kubectl succeeds.
export KUBERC=off
# sudo hands on the proxy of /etc/environment. kubeadm would give it to the pods of the control plane, and requests to the API
# would go there. Only programs that fetch packages and keys get the proxy.
MACHINE_PROXY=$(env | grep --ignore-case --extended-regexp '^(https?|ftp|all|no)_proxy=') || true # none is the rule
export MACHINE_PROXY
while IFS='=' read -r name _; do
  if [[ -n $name ]]; then unset "$name"; fi
done <<<"$MACHINE_PROXY"
# Remove what an interrupted run left: staged files, and half-written marks and copies.
rm -rf "$STAGING" "$STATE"/*.new
mkdir -p "$STAGING"
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/owner.sh"
# Without this file system each mark is missing: a node would count as a machine of no cluster.
missing=$(missing_mount "$STATE")
[[ -z $missing ]] || fail "the file system of $STATE at $missing, as /etc/fstab has it" "nothing mounted there" \
  "mount $missing, or take the line out of /etc/fstab; then again"
mkdir -p "$STATE" "$LOGS"

# Beside its own work a step may drain a node, for as long as the policy of the stack allows.
drain_seconds=${DRAIN_TIMEOUT_SECONDS:-$(mark "$DRAIN_TIMEOUT_MARK")}
STEP_TIMEOUT_SECONDS=$((1200 + ${drain_seconds:-0}))

# stage MODE PATH CONTENT: write a staged file, which the step may put in place.
stage() {
  install -D --mode "$1" /dev/null "$STAGING/files$2"
  printf '%s' "$3" >"$STAGING/files$2"
}

# share MODE PATH CHECKSUM: as `stage`, for a file that other hosts have, too. Its content came with the scripts.
share() {
  local content=$PLACE/files/$3 sum
  # A script that undoes a step reads no shared file. The shared files may be those of a later update.
  # shellcheck disable=SC2153 # run.sh sets MODE
  [[ $MODE != delete ]] || return 0
  if ! { [[ -f $content ]] && sum=$(sha256sum <"$content") && [[ ${sum:0:32} == "$3" ]]; }; then
    refuse_other_cluster # another cluster has its own files here
    fail "the content of $2, with checksum $3, in $PLACE/files" "none, or another" "pulumi up"
  fi
  install -D --mode "$1" "$content" "$STAGING/files$2"
}

# run_step SCRIPT [UNDO]: run the script, or UNDO when the command is deleted. The script writes to files, not to the SSH
# session: a lost session must not end it by a broken pipe.
run_step() {
  local script=$1 log=$LOGS/$STEP.log status=0 began ended is_done=false is_explained=false
  # shellcheck disable=SC2153 # run.sh sets MODE
  [[ $MODE != delete ]] || script=$2
  began=$(uptime_seconds)
  # `timeout` holds the lock as long as the script runs, even if this shell has ended. The script itself does not hold the
  # lock: otherwise a daemon that it starts would, or a program that ignores TERM and outlives the time limit.
  # shellcheck disable=SC2016,SC2154 # the inner shell expands them; run.sh sets lock
  timeout --kill-after 10 "$STEP_TIMEOUT_SECONDS" \
    bash -c 'lock=$1; exec {lock}>&-; exec bash -euo pipefail "$2"' step "$lock" "$LIBRARY/steps/$script.sh" \
    </dev/null >"$STAGING/stdout" 2>"$STAGING/log" || status=$?
  ended=$(uptime_seconds)
  # A full disk has no room for the log; the messages of the step are printed in any case.
  cp "$STAGING/log" "$log" 2>/dev/null || true
  if [[ -e $STAGING/done ]]; then is_done=true; fi
  if grep --quiet "^$HOST_NAME: $STEP: expected " "$STAGING/log"; then is_explained=true; fi
  # Staged files may have passwords, so they are deleted before the first output. If the session is lost, the first line that
  # nobody reads ends this shell.
  exec {messages}<"$STAGING/log" {result}<"$STAGING/stdout"
  rm -rf "$STAGING"
  # A line of more than 64 KiB hangs the command provider (1.2.1, util.LogOutput).
  cut --characters=-4000 <&"$messages" >&2
  if ((status == 0)) && [[ $is_done == false ]]; then
    explain "the step to go to its end" "$LIBRARY/steps/$script.sh ended before its last line" \
      "make repair STACK=... HOST=$HOST_NAME" >&2
    status=1
  fi
  # `timeout` exits with 124 or 137. A step exits with these, too, if a command in it ran out of its own time, or something
  # else killed it: so the duration decides.
  if ((status == 124 || status == 137)) && ((ended - began >= STEP_TIMEOUT_SECONDS)); then
    explain "the step to end within $STEP_TIMEOUT_SECONDS s" "it still running" "less $log" >&2
  elif ((status > 128)) && [[ $is_explained == false ]]; then
    explain "the step to go to its end" "it was killed by signal $((status - 128)), for lack of memory perhaps" \
      "journalctl --dmesg | grep -i 'killed process'; less $log; then pulumi up" >&2
  fi
  trap - ERR # the step has explained itself
  # Pulumi shows the standard output of a failed command in its error, and a step may return secrets. So nothing that comes
  # after the output of the result may fail, except for a session that is lost.
  ((status == 0)) || return "$status"
  # A login may print, as by .bashrc, and a sudo with log_output may lose the end of what is printed. The result of the step is
  # between these lines: components/steps/result.py reads it.
  echo "-- result of the step --"
  cat <&"$result"
  echo "-- end of the result --"
}
