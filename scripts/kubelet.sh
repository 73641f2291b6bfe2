# shellcheck shell=bash
# The kubelet of this machine, with the configuration that the cluster has for all.

kubelet_is_healthy() { curl --silent --fail --max-time 5 http://127.0.0.1:10248/healthz; }

restart_kubelet() {
  kubeadm upgrade node phase kubelet-config >"$STAGING/kubelet-config" 2>&1 ||
    fail "the kubelet's configuration of the cluster" "$(tail -n 5 "$STAGING/kubelet-config")" "kubeadm upgrade node phase kubelet-config"
  systemctl daemon-reload
  systemctl restart kubelet
  wait_for 120 "the kubelet to be healthy" "journalctl -u kubelet -n 50" kubelet_is_healthy
  changed "the kubelet has its new configuration"
}
