# shellcheck shell=bash
# A control plane takes part in the virtual address of the API, where the stack has one.
# Needs: lib/own_service.sh lib/packages.sh lib/vip.sh
. "$LIBRARY/lib/vip.sh"
. "$LIBRARY/lib/packages.sh"

if is_staged "$VIP_CONFIG"; then
  install_program keepalived "$OWN_KEEPALIVED_MARK"
  put "$VIP_CONFIG"
  put "$VIP_SCRIPT"
  put "$VIP_UNIT_FILE"
  run_service "$VIP_UNIT" "$VIP_CONFIG" "$VIP_MARK" "$VIP_SERVICE" "ip -brief address"
else
  stop_vip
fi
