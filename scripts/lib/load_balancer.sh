# shellcheck shell=bash
# The load balancer of the API on a worker: haproxy.
# Needs: lib/own_service.sh
# shellcheck disable=SC2034 # those who source this file read the names
. "$LIBRARY/lib/own_service.sh"

LOAD_BALANCER="the load balancer of the API"
LOAD_BALANCER_CONFIG=/etc/haproxy/kubernetes-api.cfg
LOAD_BALANCER_UNIT=kubernetes-api-haproxy.service
LOAD_BALANCER_UNIT_FILE=/etc/systemd/system/kubernetes-api-haproxy.service

LAST_REQUESTS_SECONDS=2 # what stays open longer, such as a watch, is opened anew elsewhere

# stop_load_balancer: stop haproxy once nothing leads to it any more. haproxy closes its port first, and finishes open
# requests.
stop_load_balancer() {
  is_marked "$LOAD_BALANCER_MARK" || return 0
  # If no haproxy runs, there are no requests.
  if systemctl kill --signal SIGUSR1 "$LOAD_BALANCER_UNIT" 2>/dev/null; then sleep "$LAST_REQUESTS_SECONDS"; fi
  end_service "$LOAD_BALANCER_UNIT" "$LOAD_BALANCER_MARK" "$LOAD_BALANCER"
}
