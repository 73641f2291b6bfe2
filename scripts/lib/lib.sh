# shellcheck shell=bash
# What every step uses. Messages go to standard error; standard output is for what a step returns.

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

# remember NAME VALUE: a mark on this machine, which is there as a whole or not at all, also after a power cut.
remember() {
  if [[ -s $STATE/$1 && $(<"$STATE/$1") == "$2" ]]; then return; fi
  printf '%s' "$2" >"$STATE/$1.new"
  sync "$STATE/$1.new"
  mv "$STATE/$1.new" "$STATE/$1"
}

# mark NAME: what was remembered; nothing where nothing was.
mark() { if [[ -f $STATE/$1 ]]; then cat "$STATE/$1"; fi; }

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

# remove_leftovers: what an earlier run of this step put and the stack does not ask for any more is gone. What another step
# puts now stays.
remove_leftovers() {
  local lists=$STATE/files path
  mkdir -p "$lists" "$STAGING/files"
  find "$STAGING/files" -type f -printf '/%P\n' | sort >"$STAGING/asked-for"
  touch "$lists/$STEP"
  while read -r path; do
    [[ -e $path ]] || continue
    rm "$path"
    changed "removed $path"
  done < <(comm -23 "$lists/$STEP" <(find "$lists" -type f ! -name "$STEP" -exec cat {} + | sort "$STAGING/asked-for" -))
  mv "$STAGING/asked-for" "$lists/$STEP"
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

# containerd_serves: it may still be starting, after a reboot for one, or have its CRI disabled.
containerd_serves() {
  wait_for 60 "containerd to serve its CRI" "journalctl -u containerd | grep -i cri; systemctl restart containerd" crictl info
}

APT_LOCK_SECONDS=600

# apt_get ARGUMENTS...: waits for other package managers, such as unattended-upgrades, and never asks.
apt_get() {
  local output next="apt-get $*" began=$SECONDS
  until output=$(apt-get --quiet --yes --option DPkg::Lock::Timeout="$APT_LOCK_SECONDS" --option Dpkg::Options::=--force-confold \
    --option Acquire::Retries=3 "$@" 2>&1); do
    # For the lock of the package lists, which apt-daily takes after a boot, apt-get does not wait by itself.
    if [[ $output == *lists/lock* ]] && ((SECONDS - began < APT_LOCK_SECONDS)); then
      sleep 1
      continue
    fi
    ! grep --fixed-strings "dpkg --configure -a" <<<"$output" >/dev/null || next="dpkg --configure -a"
    fail "apt-get $* to succeed" "$(grep --extended-regexp '^(E|W|Err)' <<<"$output" | tail -n 6)" "$next"
  done
}

# memory_mib, free_disk_mib DIRECTORY: whole MiB.
memory_mib() { awk '$1 == "MemTotal:" {print int($2 / 1024)}' /proc/meminfo; }
free_disk_mib() { df --output=avail --block-size=1M "$1" | tail -n 1 | tr -d ' '; }

unexpected_exit() {
  # What fails in a substitution is either looked at there, as in arguments of fail, or fails outside of it once more.
  ((BASH_SUBSHELL == 0)) || return 0
  explain "\`$4\` to succeed" "exit status $1 (${2##*/}, line $3)" "less /var/log/pulumi-kubeadm/$STEP.log" >&2
}
set -o errtrace
trap 'unexpected_exit $? "${BASH_SOURCE[0]}" $LINENO "$BASH_COMMAND"' ERR
