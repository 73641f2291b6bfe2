# shellcheck shell=bash
# kubeadm, kubelet and kubectl are there in the stack's version, held, and so is kubeadm's configuration.
. "$LIBRARY/packages.sh"

# A node that runs in another version is upgraded by its own step, in its turn.
if [[ ! -e /etc/kubernetes/kubelet.conf ]] || are_installed kubeadm kubelet kubectl; then
  install_held kubeadm kubelet kubectl
fi

put /etc/kubernetes/kubeadm/config.yaml
systemctl --quiet enable kubelet
touch "$STATE/prepared"
