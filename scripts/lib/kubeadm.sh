# shellcheck shell=bash
# Files of kubeadm on this machine.
# shellcheck disable=SC2034 # those who source this file read the names

KUBEADM_CONFIG=/etc/kubernetes/kubeadm/config.yaml
DISCOVERY=/etc/kubernetes/kubeadm/discovery.conf
ADMIN_CONF=/etc/kubernetes/admin.conf
KUBELET_CONF=/etc/kubernetes/kubelet.conf
PKI=/etc/kubernetes/pki

# kubeadm_images: the images of a control plane, one a line; what kubeadm warns of is in $STAGING/kubeadm.
kubeadm_images() {
  local list="kubeadm config images list --config $KUBEADM_CONFIG"
  $list 2>"$STAGING/kubeadm" || fail "kubeadm to read its configuration" "$(<"$STAGING/kubeadm")" "$list"
}
