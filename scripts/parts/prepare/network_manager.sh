# shellcheck shell=bash
# NetworkManager and systemd-networkd leave the links of the pod network alone, now and after a reboot.
# Needs: lib/network_manager.sh

. "$LIBRARY/lib/network_manager.sh"

if is_staged "$NETWORK_MANAGER"; then
  put "$NETWORK_MANAGER"
  # An earlier run may have ended between `put` and the reload. If NetworkManager does not run, it reads the file when it
  # starts.
  setting=$(sha256sum <"$NETWORK_MANAGER")
  if [[ $(mark "$NETWORK_MANAGER_MARK") != "$setting" ]]; then
    systemctl try-reload-or-restart NetworkManager
    remember "$NETWORK_MANAGER_MARK" "$setting"
  fi
fi
if is_staged "$NETWORKD"; then
  put "$NETWORKD"
  setting=$(sha256sum <"$NETWORKD")
  if [[ $(mark "$NETWORKD_MARK") != "$setting" ]]; then
    ! systemctl --quiet is-active systemd-networkd || networkctl reload
    remember "$NETWORKD_MARK" "$setting"
  fi
fi
