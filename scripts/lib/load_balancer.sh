# shellcheck shell=bash
# The load balancer of the API on a worker, a service beside the one of the package haproxy.
# shellcheck disable=SC2034 # those who source this file read the names

LOAD_BALANCER_CONFIG=/etc/haproxy/kubernetes-api.cfg
LOAD_BALANCER_UNIT=kubernetes-api-haproxy.service
LOAD_BALANCER_UNIT_FILE=/etc/systemd/system/kubernetes-api-haproxy.service

# stop_load_balancer: where it runs, and nothing leads to it any more.
stop_load_balancer() {
  is_marked "$LOAD_BALANCER_MARK" || return 0
  # Its file may be gone already, and it with it.
  systemctl --quiet stop "$LOAD_BALANCER_UNIT" 2>/dev/null || true
  systemctl --quiet disable "$LOAD_BALANCER_UNIT" 2>/dev/null || true
  forget "$LOAD_BALANCER_MARK"
}
