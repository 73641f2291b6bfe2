# shellcheck shell=bash
# Returns admin.conf. Never super-admin.conf, whose rights cannot be taken back.
. "$LIBRARY/lib.sh"

grep --quiet '^clusters:' /etc/kubernetes/admin.conf ||
  fail "a kubeconfig at /etc/kubernetes/admin.conf" "$(ls -l /etc/kubernetes/admin.conf 2>&1)" "kubeadm init phase kubeconfig admin --config /etc/kubernetes/kubeadm/config.yaml"
cat /etc/kubernetes/admin.conf
