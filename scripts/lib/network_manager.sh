# shellcheck shell=bash
# NetworkManager and systemd-networkd leave the links of the pod network and of kube-proxy alone, if a machine has them.
# Without a file of ours they may change the routes and addresses of these links: networkd does so if one of its files is for
# all links.

NETWORK_MANAGER=/etc/NetworkManager/conf.d/99-pulumi-kubeadm.conf
NETWORKD=/etc/systemd/network/00-pulumi-kubeadm.network # networkd takes the first file that is for a link

# stage_network_manager: stage the file, if NetworkManager is installed. The file has a section of its own: a list
# `unmanaged-devices` would replace that of another file.
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

# stage_networkd: stage the file, if networkd starts at boot. Where systemctl fails for another reason than a unit that is
# missing, nothing is decided: the file of an earlier run would be deleted.
stage_networkd() {
  if systemctl --quiet is-enabled systemd-networkd 2>"$STAGING/message"; then
    install -D --mode 0644 /dev/null "$STAGING/files$NETWORKD"
    cat >"$STAGING/files$NETWORKD" <<'FILE'
[Match]
Name=cali* vxlan.calico tunl* kube-ipvs0

[Link]
Unmanaged=yes
FILE
  elif [[ -s $STAGING/message ]] && ! grep --quiet 'No such file or directory' "$STAGING/message"; then
    fail "systemd to say whether it has systemd-networkd" "$(<"$STAGING/message")" \
      "systemctl is-enabled systemd-networkd; then pulumi up"
  fi
}
