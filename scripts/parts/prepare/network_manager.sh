# shellcheck shell=bash
# NetworkManager leaves the links of the pod network alone, now and after a reboot.
# Needs: lib/network_manager.sh

. "$LIBRARY/lib/network_manager.sh"

if is_staged "$NETWORK_MANAGER"; then
  put "$NETWORK_MANAGER"
  # An earlier run may have ended between the two. Where the service does not run it reads the file when it starts.
  setting=$(sha256sum <"$NETWORK_MANAGER")
  if [[ $(mark "$NETWORK_MANAGER_MARK") != "$setting" ]]; then
    systemctl try-reload-or-restart NetworkManager
    remember "$NETWORK_MANAGER_MARK" "$setting"
  fi
fi
