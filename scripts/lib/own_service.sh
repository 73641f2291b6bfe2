# shellcheck shell=bash
# Services of this project: the program of a package, with a unit and a configuration of our own, beside the service of the
# package. A mark holds the digests of the unit and the configuration that the program was started with.

NOT_LOADED=5 # exit status of `systemctl stop` for a unit that systemd does not know (any more)

# stays_up UNIT: whether the program has the same process a second later. If a program does not report that it is ready,
# systemd counts it as running even if it ends at once. A timer has no process.
stays_up() {
  local process now
  process=$(systemctl show "$1" --property MainPID --value) || return 1
  [[ -n $process ]] || return 0
  sleep 1
  now=$(systemctl show "$1" --property MainPID --value) || return 1
  [[ $process != 0 && $now == "$process" ]]
}

# start_service VERB UNIT SERVICE NEXT: start, restart or reload the service by this verb of systemctl. If it does not run, the
# step ends.
start_service() {
  systemctl daemon-reload
  { systemctl "$1" "$2" && stays_up "$2"; } ||
    fail "$3 to run" "$(journalctl --unit "$2" --lines 5 --no-pager --output cat)" "journalctl -u $2; $4"
}

# run_service UNIT CONFIGURATION MARK SERVICE NEXT: have the service run with its configuration. What the service was started
# with decides, and not what this run changed: an earlier run may have ended before the reload.
run_service() {
  local unit configuration verb=restart
  unit=$(sha256sum <"/etc/systemd/system/$1")
  configuration=$(sha256sum <"$2")
  # The service may run from here on. If the edit is taken back, the mark has a later run stop it.
  is_marked "$3" || remember "$3" "not yet"
  systemctl --quiet enable "$1"
  if [[ $(mark "$3") != "$unit $configuration" ]]; then
    [[ $(mark "$3") != "$unit "* ]] || verb=reload-or-restart
    start_service "$verb" "$1" "$4" "$5"
    changed "$4 has its configuration"
  fi
  if ! systemctl --quiet is-active "$1"; then
    start_service start "$1" "$4" "$5"
    changed "$4 runs"
  fi
  remember "$3" "$unit $configuration"
}

# pause_service UNIT SERVICE: stop the service until somebody starts it, or the machine boots.
pause_service() {
  local status=0
  systemctl stop "$1" 2>"$STAGING/systemctl" || status=$?
  ((status == 0 || status == NOT_LOADED)) || fail "$2 to stop" "$(<"$STAGING/systemctl")" "systemctl status $1"
}

# end_service UNIT MARK SERVICE: stop the service for good, if it runs.
end_service() {
  is_marked "$2" || return 0
  pause_service "$1" "$3"
  # `systemctl disable` needs the file of the unit, which is gone already.
  rm -f /etc/systemd/system/*.wants/"$1"
  forget "$2"
}
