# shellcheck shell=bash
# Configurations of pod networks. containerd takes the first one by name: a node counts as Ready with that of a network whose
# programs are gone, or gives its first pods addresses that no other node reaches.

CNI=/etc/cni/net.d
OF_CALICO=10-calico.conflist

# other_pod_networks: paths of configurations that Calico did not write, one a line: that of Cilium, which `kubeadm reset`
# leaves, or of podman.
other_pod_networks() {
  local file
  for file in "$CNI"/*.conf "$CNI"/*.conflist "$CNI"/*.json; do
    if [[ -e $file && ${file##*/} != "$OF_CALICO" ]]; then echo "$file"; fi
  done
}
