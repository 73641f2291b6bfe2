# shellcheck shell=bash
# A worker of several control planes runs the load balancer of the API, before the name of the API leads to it.
# Needs: lib/load_balancer.sh lib/own_service.sh lib/packages.sh
. "$LIBRARY/lib/load_balancer.sh"
. "$LIBRARY/lib/packages.sh"

check_configuration() {
  haproxy -c -q -f "$STAGING/files$LOAD_BALANCER_CONFIG" 2>"$STAGING/haproxy" ||
    fail "haproxy to accept its configuration" "$(<"$STAGING/haproxy")" "haproxy -vv"
}

if is_staged "$LOAD_BALANCER_CONFIG"; then
  install_program haproxy "$OWN_HAPROXY_MARK"
  check_configuration
  put "$LOAD_BALANCER_CONFIG"
  put "$LOAD_BALANCER_UNIT_FILE"
  run_service "$LOAD_BALANCER_UNIT" "$LOAD_BALANCER_CONFIG" "$LOAD_BALANCER_MARK" "$LOAD_BALANCER" "ss -ltnp sport = :6443"
fi
