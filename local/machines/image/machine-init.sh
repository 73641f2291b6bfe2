#!/bin/bash
# First process of a local machine: makes the container look like a machine, then hands over to systemd.
set -euo pipefail

# kubelet and containerd share mounts with pods.
mount --make-rshared /

# As a mounted file it could not be replaced, which is what `hostnamectl set-hostname` does. The real one is under it.
if mountpoint --quiet /etc/hostname; then
  umount /etc/hostname
fi

# All containers show the host's; a machine has another one after each boot, and journal and kubelet tell boots by it.
cp /proc/sys/kernel/random/uuid /run/boot-id
mount --bind /run/boot-id /proc/sys/kernel/random/boot_id

# kube-proxy's cluster addresses need a route before they are translated. Where the network has none out of it, nobody
# answers at its last address, so what really leads out of it ends with "no route to host".
if [[ -z $(ip -4 route show default) ]]; then
  address=$(ip -4 -oneline address show dev eth0 | awk '{print $4}')
  ip route add default via "${address%.*}.254"
fi
ip -4 route show default >/run/default-route

# Where the host's kernel has everything built in, there is no /lib/modules; modprobe then has to know what is there.
modules=/lib/modules/$(uname --kernel-release)
if [[ ! -e $modules ]]; then
  mkdir --parents "$modules"
  {
    ls /sys/module
    if [[ -e /proc/sys/net/bridge ]]; then echo br_netfilter; fi
  } | sed 's|.*|kernel/&.ko|' >"$modules/modules.builtin"
  touch "$modules/modules.order"
  depmod
fi

exec /sbin/init
