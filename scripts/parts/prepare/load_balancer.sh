# shellcheck shell=bash
# A worker of several control planes runs the load balancer of the API, before the name of the API leads to it.
# Needs: lib/load_balancer.sh lib/packages.sh
. "$LIBRARY/lib/load_balancer.sh"
. "$LIBRARY/lib/packages.sh"

install_haproxy() {
  if ! command -v haproxy >/dev/null; then
    remember "$OWN_HAPROXY_MARK" yes
    apt_get install --no-install-recommends haproxy
    changed "haproxy is installed"
  fi
  # The service of the package has a configuration of its own, which serves nothing here.
  ! is_marked "$OWN_HAPROXY_MARK" || systemctl --quiet disable --now haproxy
}

check_configuration() {
  haproxy -c -q -f "$STAGING/files$LOAD_BALANCER_CONFIG" 2>"$STAGING/haproxy" ||
    fail "haproxy to accept its configuration" "$(<"$STAGING/haproxy")" "haproxy -vv"
}

# start_with COMMAND: systemd's command by which the load balancer gets its configuration.
start_with() {
  systemctl daemon-reload
  systemctl "$1" "$LOAD_BALANCER_UNIT" ||
    fail "the load balancer of the API to run" \
      "$(journalctl --unit "$LOAD_BALANCER_UNIT" --lines 5 --no-pager --output cat)" \
      "journalctl -u $LOAD_BALANCER_UNIT; ss -ltnp sport = :6443"
  changed "the load balancer of the API has its configuration"
}

# run_load_balancer: compares with what it was started with, and not with what this run changed: an earlier run may have ended
# before the reload.
run_load_balancer() {
  local unit configuration
  unit=$(sha256sum <"$LOAD_BALANCER_UNIT_FILE")
  configuration=$(sha256sum <"$LOAD_BALANCER_CONFIG")
  # From here on it may run: an edit that is taken back has to stop it.
  is_marked "$LOAD_BALANCER_MARK" || remember "$LOAD_BALANCER_MARK" "not yet"
  systemctl --quiet enable "$LOAD_BALANCER_UNIT"
  if [[ $(mark "$LOAD_BALANCER_MARK") != "$unit $configuration" ]]; then
    if [[ $(mark "$LOAD_BALANCER_MARK") == "$unit "* ]]; then start_with reload-or-restart; else start_with restart; fi
  fi
  systemctl --quiet is-active "$LOAD_BALANCER_UNIT" || start_with start
  remember "$LOAD_BALANCER_MARK" "$unit $configuration"
}

if is_staged "$LOAD_BALANCER_CONFIG"; then
  install_haproxy
  check_configuration
  put "$LOAD_BALANCER_CONFIG"
  put "$LOAD_BALANCER_UNIT_FILE"
  run_load_balancer
fi
