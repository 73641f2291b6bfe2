# shellcheck shell=bash
# cloud-init has finished the first boot of a cloud's machine. The SSH server answers earlier, while cloud-init may still write
# source lists, install packages, and reboot.

FIRST_BOOT_SECONDS=600

first_boot_is_over() {
  [[ ! -e /run/cloud-init/status.json || -e /run/cloud-init/result.json ]] || {
    echo "it still runs"
    return 1
  }
}

is_marked "$PREPARED_MARK" ||
  wait_for "$FIRST_BOOT_SECONDS" "cloud-init to end" "cloud-init status --long; then pulumi up" first_boot_is_over
