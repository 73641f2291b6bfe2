#!/bin/bash
# mmdebstrap runs this on the host, with the new root file system as its argument: what is ours in a local machine.
set -euo pipefail
root=$1
here=$(dirname "$(readlink --canonicalize "$0")")

install --mode 0755 "$here/machine-init.sh" "$root/sbin/machine-init"
debian=$(sed --quiet 's/^VERSION_ID="\(.*\)"/\1/p' "$root/etc/os-release")
if [[ $debian == 11 ]]; then install --mode 0755 "$here/runc-of-debian-11.sh" "$root/usr/local/sbin/runc"; fi

chroot "$root" useradd --create-home --shell /bin/bash --comment Debian debian
install --mode 0440 "$here/sudoers" "$root/etc/sudoers.d/debian"
install --mode 0644 "$here/sshd.conf" "$root/etc/ssh/sshd_config.d/machine.conf"
install --mode 0644 "$here/fstab" "$root/etc/fstab"

# Each machine gets its own, or draws it at its first boot.
rm --force "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/etc/hosts" "$root/etc/resolv.conf"
: >"$root/etc/machine-id"
rm --force "$root/var/lib/dbus/machine-id"

# Debian's mirror cannot be reached from the machines; what packages.sh has laid on their disk can, as from a DVD.
echo "deb [trusted=yes] file:/var/lib/debian-packages ./" >"$root/etc/apt/sources.list"
rm --force "$root"/etc/apt/sources.list.d/* "$root/etc/apt/apt.conf.d/99mmdebstrap"

# A container has no first terminal, and draws no clock or kernel messages of its own.
ln --symbolic --force /dev/null "$root/etc/systemd/system/getty@tty1.service"
# As on a virtual machine, the journal outlives a reboot.
mkdir --parents "$root/var/log/journal"
