# shellcheck shell=bash
# Sourced by each bash of a run, through BASH_ENV: counts its commands in $CRASH_DIRECTORY, and at command $CRASH_AT ends the run
# as a power cut does, or waits until its session is closed. Fake programs are not counted.
[[ $0 != */stubs/* ]] || return 0

export CRASH_GROUP=${CRASH_GROUP:-$$}
# Its body is a command, before which the file that it writes to is open, and empty.
# shellcheck disable=SC2059 # as it came
printf() { builtin printf "$@"; }

at_point() {
  case $CRASH_KIND in
    killed)
      kill -KILL -- "-$CRASH_GROUP"
      kill -KILL 0
      ;;
    closed)
      : >"$CRASH_DIRECTORY/reached"
      until [[ -e $CRASH_DIRECTORY/closed ]]; do /bin/sleep 0.01; done
      ;;
  esac
}
set -o functrace
trap 'builtin printf . >>"$CRASH_DIRECTORY/points"; read -r crash_points <"$CRASH_DIRECTORY/points" || true; \
  ((${#crash_points} != CRASH_AT)) || at_point' DEBUG
