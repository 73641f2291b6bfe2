# shellcheck shell=bash
# kubeadm, kubelet and kubectl are installed in the stack's version and held, and kubeadm's configuration is in place.
# Needs: KUBERNETES_VERSION ROLE; lib/kubeadm.sh lib/packages.sh
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/kubeadm.sh"

# A node that runs another version is upgraded by init or join, in its turn.
if [[ ! -e $KUBELET_CONF ]] || are_installed kubeadm kubelet kubectl; then
  install_held kubeadm kubelet kubectl
fi

put "$KUBEADM_CONFIG"

# kubeadm only warns of unknown fields, with which the kubelet and kube-proxy do not start.
if [[ $ROLE == control-plane ]] && are_installed kubeadm; then
  kubeadm_images >/dev/null
  ! grep 'unknown field' "$STAGING/kubeadm" >/dev/null ||
    fail "a configuration whose fields Kubernetes $KUBERNETES_VERSION knows" \
      "$(grep --only-matching 'unknown field "[^"]*"' "$STAGING/kubeadm" | sort --unique)" \
      "mend cluster.kubeletConfiguration, cluster.kubeProxyConfiguration or cluster.clusterConfiguration in the stack file"
fi
systemctl --quiet enable kubelet
remember "$PREPARED_MARK" yes
