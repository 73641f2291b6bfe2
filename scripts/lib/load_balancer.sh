# shellcheck shell=bash
# The load balancer of the API on a worker, a service beside the one of the package haproxy.
# shellcheck disable=SC2034 # those who source this file read the names

LOAD_BALANCER_CONFIG=/etc/haproxy/kubernetes-api.cfg
LOAD_BALANCER_UNIT=kubernetes-api-haproxy.service
LOAD_BALANCER_UNIT_FILE=/etc/systemd/system/kubernetes-api-haproxy.service

NOT_LOADED=5 # exit status of `systemctl stop` for a unit that systemd does not know (any more)

# stop_load_balancer: where it runs, and nothing leads to it any more.
stop_load_balancer() {
  local status=0
  is_marked "$LOAD_BALANCER_MARK" || return 0
  systemctl stop "$LOAD_BALANCER_UNIT" 2>"$STAGING/systemctl" || status=$?
  ((status == 0 || status == NOT_LOADED)) ||
    fail "the load balancer of the API to stop" "$(<"$STAGING/systemctl")" "systemctl status $LOAD_BALANCER_UNIT"
  # `systemctl disable` needs the file of the unit, which is gone already.
  rm -f "/etc/systemd/system/multi-user.target.wants/$LOAD_BALANCER_UNIT"
  forget "$LOAD_BALANCER_MARK"
}
