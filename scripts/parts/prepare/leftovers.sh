# shellcheck shell=bash
# Files that prepare put earlier and no longer stages are deleted.
# Needs: KEYRINGS; lib/kernel.sh lib/network_manager.sh

# A keyring that this step fetches later belongs to its files, too.
while read -r path _ url; do
  if [[ $url == http* ]]; then install -D /dev/null "$STAGING/files$path"; fi
done <<<"$KEYRINGS"
. "$LIBRARY/lib/network_manager.sh"
. "$LIBRARY/lib/kernel.sh"
stage_network_manager
stage_networkd
stage_last_sysctls
remove_leftovers
