# shellcheck shell=bash
# The control plane runs with what the stack tells kubeadm. Each mark holds the digest of what was applied last.

told_before() { [[ -e $STATE/$1 && $(<"$STATE/$1") == "$2" ]]; }
remember() { printf '%s' "$2" >"$STATE/$1"; }

phase() {
  kubeadm init phase "$@" --config "$CONFIG" >"$STAGING/phase" 2>&1 ||
    fail "kubeadm init phase $* to succeed" "$(tail -n 10 "$STAGING/phase")" "kubeadm init phase $* --config $CONFIG"
}

# The old certificate is there until there is a new one: without it the API server could not start again.
renew_api_certificate() {
  cp --preserve /etc/kubernetes/pki/apiserver.{crt,key} "$STAGING/"
  rm /etc/kubernetes/pki/apiserver.{crt,key}
  if ! kubeadm init phase certs apiserver --config "$CONFIG" >"$STAGING/phase" 2>&1; then
    cp --preserve "$STAGING"/apiserver.{crt,key} /etc/kubernetes/pki/
    fail "a certificate for the API server" "$(tail -n 10 "$STAGING/phase")" "kubeadm init phase certs apiserver --config $CONFIG"
  fi
}

# kubeadm writes certificate and manifests; the kubelet restarts what has another manifest.
reconfigure_cluster() {
  local before manifest
  before=$(api_server)
  manifest=$(</etc/kubernetes/manifests/kube-apiserver.yaml)
  phase control-plane all
  phase etcd local
  renew_api_certificate
  if [[ $(</etc/kubernetes/manifests/kube-apiserver.yaml) != "$manifest" ]]; then
    wait_for 180 "the API server to restart with its new arguments" "crictl ps -a --name kube-apiserver; crictl logs \$(crictl ps -aq --name kube-apiserver | head -n 1)" \
      api_server_is_another "$before"
  else
    # The certificate is read anew by a restart only.
    crictl stop "$before" >/dev/null
    wait_for 180 "the API server to restart with its new certificate" "crictl ps -a --name kube-apiserver" api_server_is_another "$before"
  fi
  phase upload-config kubeadm
  phase addon all
  changed "the control plane has its new configuration"
}

# The pod network's pool keeps the encapsulation that it was made with, whatever calico-node is told later.
POOL=ippools.crd.projectcalico.org/default-ipv4-ippool
set_encapsulation() {
  [[ -n $(kubectl get crd "${POOL%/*}" --ignore-not-found --output name) ]] || return 0
  [[ -n $(kubectl get "$POOL" --ignore-not-found --output name) ]] || return 0
  kubectl patch "$POOL" --type merge --patch "{\"spec\": {\"vxlanMode\": \"$VXLAN_MODE\"}}" >/dev/null
  changed "the pod network has VXLAN mode $VXLAN_MODE"
}

if ! told_before cluster-configuration "$CLUSTER_CONFIGURATION_SHA256"; then
  reconfigure_cluster
  remember cluster-configuration "$CLUSTER_CONFIGURATION_SHA256"
fi
if ! told_before kubelet-configuration "$KUBELET_CONFIGURATION_SHA256"; then
  phase upload-config kubelet
  restart_kubelet
  remember kubelet-configuration "$KUBELET_CONFIGURATION_SHA256"
fi
if ! told_before kube-proxy-configuration "$KUBE_PROXY_CONFIGURATION_SHA256"; then
  phase addon kube-proxy
  kubectl --namespace kube-system rollout restart daemonset/kube-proxy >/dev/null
  changed "kube-proxy restarts with its new configuration"
  remember kube-proxy-configuration "$KUBE_PROXY_CONFIGURATION_SHA256"
fi
if ! told_before vxlan-mode "$VXLAN_MODE"; then
  set_encapsulation
  remember vxlan-mode "$VXLAN_MODE"
fi
