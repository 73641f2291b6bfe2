# shellcheck shell=bash
# The kubelet of this machine, with the KubeletConfiguration of the cluster.
# Needs: lib/messages.sh

KUBELET_CONFIG=/var/lib/kubelet/config.yaml

kubelet_is_healthy() {
  local address port
  address=$(sed --quiet 's/^healthzBindAddress: *//p' "$KUBELET_CONFIG" | tr -d "\"'") || return 1
  [[ $address != *:* ]] || address="[$address]" # IPv6, which YAML has in quotes
  port=$(sed --quiet 's/^healthzPort: *//p' "$KUBELET_CONFIG") || return 1
  curl_directly --silent --fail --max-time 5 "http://${address:-127.0.0.1}:${port:-10248}/healthz"
}

# kubelet_stays: whether the kubelet is healthy, and one process, for HEALTHY_SECONDS. A kubelet is healthy before it begins
# with its runtime and its cgroups. A kubelet that ends there, as one without the cgroup of systemReservedCgroup, is healthy for
# a moment, and systemd starts it again 10 s later.
HEALTHY_SECONDS=15
kubelet_stays() {
  local first now look
  first=$(systemctl show kubelet --property MainPID --value) || return 1
  for ((look = 0; look < HEALTHY_SECONDS; look++)); do
    kubelet_is_healthy || return 1
    sleep 1
    now=$(systemctl show kubelet --property MainPID --value) || return 1
    [[ $now == "$first" ]] || return 1
  done
}

# put_back_kubelet_configuration: put the former configuration back after an interrupted or failed change.
put_back_kubelet_configuration() {
  [[ -d $KUBELET_BEFORE ]] || return 0
  cp --preserve "$KUBELET_BEFORE/${KUBELET_CONFIG##*/}" "$KUBELET_CONFIG"
  sync "$KUBELET_CONFIG"
  drop "$KUBELET_BEFORE"
  systemctl restart kubelet
}

# restart_kubelet COMMAND...: run the command, which writes a new configuration, and restart the kubelet. If it does not run
# with the new configuration, the old one comes back and the step ends.
restart_kubelet() {
  local seen
  keep "$KUBELET_BEFORE" "$KUBELET_CONFIG"
  "$@" >"$STAGING/kubelet" 2>&1 || {
    put_back_kubelet_configuration
    fail "$* to succeed" "$(failure_lines "$STAGING/kubelet")" "$*"
  }
  systemctl daemon-reload
  systemctl restart kubelet
  if ! comes_true 120 kubelet_stays; then
    seen=$(journalctl --unit kubelet --lines 200 --no-pager --output cat |
      grep --extended-regexp '^(E|Error|F)|failed' | tail -n 3) || true # the reason may be missing
    put_back_kubelet_configuration
    fail "the kubelet to run with its new configuration" "$seen" \
      "mend cluster.kubeletConfiguration, then pulumi up; the kubelet runs with the old configuration again"
  fi
  sync "$KUBELET_CONFIG"
  drop "$KUBELET_BEFORE"
  changed "the kubelet has its new configuration"
}
