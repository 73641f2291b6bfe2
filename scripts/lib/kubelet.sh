# shellcheck shell=bash
# The kubelet of this machine, with the configuration that the cluster has for all.
# Needs: lib/messages.sh

KUBELET_CONFIG=/var/lib/kubelet/config.yaml

kubelet_is_healthy() { curl --silent --fail --max-time 5 http://127.0.0.1:10248/healthz; }

# restart_kubelet COMMAND...: with what the command writes; the old configuration comes back where the kubelet does not run
# with the new one.
restart_kubelet() {
  local seen
  cp --preserve "$KUBELET_CONFIG" "$STAGING/kubelet-config.yaml"
  "$@" >"$STAGING/kubelet" 2>&1 || fail "$* to succeed" "$(failure_lines "$STAGING/kubelet")" "$*"
  systemctl daemon-reload
  systemctl restart kubelet
  if ! comes_true 120 kubelet_is_healthy; then
    seen=$(journalctl --unit kubelet --lines 200 --no-pager --output cat | grep --extended-regexp '^(E|Error|F)|failed' | tail -n 3)
    cp --preserve "$STAGING/kubelet-config.yaml" "$KUBELET_CONFIG"
    systemctl restart kubelet
    fail "the kubelet to run with its new configuration" "$seen" "mend cluster.kubeletConfiguration, then pulumi up; it runs with the old one again"
  fi
  changed "the kubelet has its new configuration"
}
