# shellcheck shell=bash
# The load balancer of the API on a worker: haproxy.
# Needs: lib/own_service.sh
# shellcheck disable=SC2034 # those who source this file read the names
. "$LIBRARY/lib/own_service.sh"

LOAD_BALANCER="the load balancer of the API"
LOAD_BALANCER_CONFIG=/etc/haproxy/kubernetes-api.cfg
LOAD_BALANCER_UNIT=kubernetes-api-haproxy.service
LOAD_BALANCER_UNIT_FILE=/etc/systemd/system/kubernetes-api-haproxy.service

# stop_load_balancer: nothing leads to it any more.
stop_load_balancer() { end_service "$LOAD_BALANCER_UNIT" "$LOAD_BALANCER_MARK" "$LOAD_BALANCER"; }
