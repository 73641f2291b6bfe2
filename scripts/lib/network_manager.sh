# shellcheck shell=bash
# NetworkManager, where a machine has it: it leaves the links of the pod network and of kube-proxy alone. By itself it may take
# them for its own, with their routes and addresses.

NETWORK_MANAGER=/etc/NetworkManager/conf.d/99-pulumi-kubeadm.conf

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
