# shellcheck shell=bash
# kubeadm, kubelet and kubectl are there in the stack's version, held, and so is kubeadm's configuration.
. "$LIBRARY/lib/packages.sh"

# A node that runs in another version is upgraded by its own step, in its turn.
if [[ ! -e /etc/kubernetes/kubelet.conf ]] || are_installed kubeadm kubelet kubectl; then
  install_held kubeadm kubelet kubectl
fi

put /etc/kubernetes/kubeadm/config.yaml

# kubeadm only warns of fields that kubelet and kube-proxy then refuse to start with.
if [[ $ROLE == control-plane ]] && are_installed kubeadm; then
  kubeadm config images list --config /etc/kubernetes/kubeadm/config.yaml >/dev/null 2>"$STAGING/kubeadm" ||
    fail "kubeadm to read its configuration" "$(<"$STAGING/kubeadm")" "kubeadm config images list --config /etc/kubernetes/kubeadm/config.yaml"
  ! grep 'unknown field' "$STAGING/kubeadm" >/dev/null ||
    fail "a configuration whose fields Kubernetes $KUBERNETES_VERSION knows" "$(grep --only-matching 'unknown field "[^"]*"' "$STAGING/kubeadm" | sort --unique)" \
      "mend cluster.kubeletConfiguration, cluster.kubeProxyConfiguration or cluster.clusterConfiguration in the stack file"
fi
systemctl --quiet enable kubelet
remember prepared yes
