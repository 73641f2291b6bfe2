# shellcheck shell=bash
# Returns admin.conf, with the day on which it expires. Never super-admin.conf, whose rights cannot be taken back.
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/certificates.sh"

grep --quiet '^clusters:' /etc/kubernetes/admin.conf ||
  fail "a kubeconfig at /etc/kubernetes/admin.conf" "$(ls -l /etc/kubernetes/admin.conf 2>&1)" "kubeadm init phase kubeconfig admin --config /etc/kubernetes/kubeadm/config.yaml"
expires=$(kubeconfig_expiry /etc/kubernetes/admin.conf)
echo "# expires $expires"
cat /etc/kubernetes/admin.conf
