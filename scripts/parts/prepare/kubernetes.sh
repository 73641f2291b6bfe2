# shellcheck shell=bash
# kubeadm, kubelet and kubectl are there in the stack's version, held, and so is kubeadm's configuration.
# Needs: KUBERNETES_VERSION ROLE; lib/kubeadm.sh lib/packages.sh
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/kubeadm.sh"

# A node that runs in another version is upgraded by its own step, in its turn.
if [[ ! -e $KUBELET_CONF ]] || are_installed kubeadm kubelet kubectl; then
  install_held kubeadm kubelet kubectl
fi

put "$KUBEADM_CONFIG"

# kubeadm only warns of fields that kubelet and kube-proxy then refuse to start with.
if [[ $ROLE == control-plane ]] && are_installed kubeadm; then
  kubeadm_images >/dev/null
  ! grep 'unknown field' "$STAGING/kubeadm" >/dev/null ||
    fail "a configuration whose fields Kubernetes $KUBERNETES_VERSION knows" "$(grep --only-matching 'unknown field "[^"]*"' "$STAGING/kubeadm" | sort --unique)" \
      "mend cluster.kubeletConfiguration, cluster.kubeProxyConfiguration or cluster.clusterConfiguration in the stack file"
fi
systemctl --quiet enable kubelet
remember "$PREPARED_MARK" yes
