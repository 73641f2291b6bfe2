# shellcheck shell=bash
# Returns admin.conf, with the day on which it expires. Never super-admin.conf, whose rights cannot be taken back.
# Needs: lib/certificates.sh lib/kubeadm.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/certificates.sh"
. "$LIBRARY/lib/kubeadm.sh"

grep --quiet '^clusters:' "$ADMIN_CONF" ||
  fail "a kubeconfig at $ADMIN_CONF" "$(ls -l "$ADMIN_CONF" 2>&1)" \
    "kubeadm init phase kubeconfig admin --config $KUBEADM_CONFIG"
expires=$(kubeconfig_expiry "$ADMIN_CONF")
echo "# expires $expires"
cat "$ADMIN_CONF"
step_is_done
