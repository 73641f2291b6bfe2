# shellcheck shell=bash
# Configurations of pod networks. containerd takes the first one by name. A configuration that is left over makes a node Ready
# although the programs of its network are gone, or gives the first pods addresses that no other node reaches.

CNI=/etc/cni/net.d
OF_CALICO=10-calico.conflist

# other_pod_networks: paths of configurations that Calico did not write, one a line, such as that of Cilium, which `kubeadm
# reset` leaves, or of podman.
other_pod_networks() {
  local file
  for file in "$CNI"/*.conf "$CNI"/*.conflist "$CNI"/*.json; do
    if [[ -e $file && ${file##*/} != "$OF_CALICO" ]]; then echo "$file"; fi
  done
}
