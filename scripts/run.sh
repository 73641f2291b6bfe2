# shellcheck shell=bash
# The entry point of every recorded command, for ever: `. /usr/local/lib/pulumi-kubeadm/run.sh STEP [create|verify|delete]`,
# then `stage MODE PATH CONTENT` for each file, and last `run_step SCRIPT [UNDO]`. A command that an older version of this
# project recorded calls them too, with the variables of its time. tests/scripts/test_recorded_commands.py holds the contract.

export STEP=$1 MODE=${2:-create}
PLACE=$(dirname "${BASH_SOURCE[0]}")
export STATE=/var/lib/pulumi-kubeadm
# Programs of packages first: an earlier installation may have left a kubeadm, kubectl or crictl in /usr/local/bin.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
umask 077

# Many workers that leave at once wait on the control plane for each other's drains.
LOCK_TIMEOUT_SECONDS=86400

refuse() {
  printf '%s: %s: expected %s,\n  saw %s\n  Next: %s\n' "$HOST_NAME" "$STEP" "$1" "$2" "$3" >&2
  exit 1
}

# parents: the processes above this one.
parents() {
  local pid=$$ line
  while ((pid > 1)) && line=$(cat "/proc/$pid/stat" 2>/dev/null); do
    read -r _ pid _ <<<"${line##*) }" # the name of a process, in parentheses, may have any character
    printf '%s ' "$pid"
  done
}

# One step at a time on this machine; a step that lost its SSH session goes on to its end, and the next one waits for it.
mkdir -p /run/pulumi-kubeadm
exec {lock}>/run/pulumi-kubeadm/lock
flock --nonblock "$lock" || {
  before=$(parents)
  flock --wait "$LOCK_TIMEOUT_SECONDS" "$lock" ||
    refuse "no other run on this machine" "a run that holds /run/pulumi-kubeadm/lock" "fuser -v /run/pulumi-kubeadm/lock"
  # Whoever sent this may have cancelled it meanwhile: without a session the step does not begin.
  printf '%s: %s: the run that held this machine is over\n' "$HOST_NAME" "$STEP" >&2 || exit 1
  # A sudo that logs output reads the line without a session, too; then this process has another parent.
  now=$(parents)
  [[ $now == "$before" ]] || exit 1
}

# The version is read under the lock: an installation waits for it too, so no step gets parts of two versions. Where
# `current` is missing, the path is that of no version, and is_whole refuses it.
LIBRARY=$PLACE/$(readlink "$PLACE/current" || true)
export LIBRARY
is_whole() {
  local sum
  [[ -f $LIBRARY/SHA256SUMS ]] && sum=$(sha256sum <"$LIBRARY/SHA256SUMS") && [[ $sum == "${LIBRARY##*/}  -" ]] &&
    (cd "$LIBRARY" && sha256sum --check --status --strict SHA256SUMS)
}
is_whole ||
  refuse "the scripts of this project, whole, in $LIBRARY" "missing files, or other ones" \
    "make repair STACK=... HOST=$HOST_NAME"

# Everything else is the version's own.
. "$LIBRARY/lib/run_step.sh"
