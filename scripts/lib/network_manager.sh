# shellcheck shell=bash
# NetworkManager and systemd-networkd, where a machine has them: they leave the links of the pod network and of kube-proxy
# alone. By themselves they may take them, with their routes and addresses: networkd where a file of it is for all links.

NETWORK_MANAGER=/etc/NetworkManager/conf.d/99-pulumi-kubeadm.conf
NETWORKD=/etc/systemd/network/00-pulumi-kubeadm.network # of several files for a link the first one counts

# stage_network_manager: lay the file ready, where NetworkManager is installed. The section is one of its own: the list
# `unmanaged-devices` of another file would be replaced.
stage_network_manager() {
  if [[ -d /etc/NetworkManager ]]; then
    install -D --mode 0644 /dev/null "$STAGING/files$NETWORK_MANAGER"
    cat >"$STAGING/files$NETWORK_MANAGER" <<'FILE'
[device-pulumi-kubeadm]
match-device=interface-name:cali*;interface-name:vxlan.calico;interface-name:tunl*;interface-name:kube-ipvs0
managed=0
FILE
  fi
}

stage_networkd() {
  if systemctl --quiet is-enabled systemd-networkd 2>/dev/null; then
    install -D --mode 0644 /dev/null "$STAGING/files$NETWORKD"
    cat >"$STAGING/files$NETWORKD" <<'FILE'
[Match]
Name=cali* vxlan.calico tunl* kube-ipvs0

[Link]
Unmanaged=yes
FILE
  fi
}
