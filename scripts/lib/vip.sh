# shellcheck shell=bash
# The virtual address of the API, which keepalived gives to one of the control planes that serve.
# Needs: lib/own_service.sh
# shellcheck disable=SC2034 # those who source this file read the names
. "$LIBRARY/lib/own_service.sh"

VIP_SERVICE="keepalived, which holds the virtual address,"
VIP_CONFIG=/etc/keepalived/kubernetes-vip.conf
VIP_SCRIPT=/etc/keepalived/kubernetes-vip.sh
VIP_UNIT=kubernetes-vip-keepalived.service
VIP_UNIT_FILE=/etc/systemd/system/kubernetes-vip-keepalived.service

# stop_vip: this machine no longer takes part in the virtual address.
stop_vip() { end_service "$VIP_UNIT" "$VIP_MARK" "$VIP_SERVICE"; }

# give_up_vip: another control plane takes the address, until this machine takes part again, or boots.
give_up_vip() {
  ! is_marked "$VIP_MARK" || pause_service "$VIP_UNIT" "$VIP_SERVICE"
}
take_part_in_vip() {
  if ! is_marked "$VIP_MARK" || systemctl --quiet is-active "$VIP_UNIT"; then return; fi
  start_service start "$VIP_UNIT" "$VIP_SERVICE" "ip -brief address"
}
