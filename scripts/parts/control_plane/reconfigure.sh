# shellcheck shell=bash
# The control plane runs with the stack's configuration of kubeadm. Each mark holds what was applied last, or its digest. The
# control plane that leads applies what concerns the whole cluster, before the others change.
# Needs: CLUSTER_CONFIGURATION_SHA256 KUBELET_CONFIGURATION_SHA256 KUBE_PROXY_CONFIGURATION_SHA256 LEADS NODE_IP VXLAN_MODE;
#   lib/clients.sh lib/control_plane.sh lib/etcd.sh lib/kube_proxies.sh lib/kubeadm.sh lib/kubelet.sh
#   lib/patches.sh lib/static_pods.sh lib/written.sh

phase() { run_kubeadm "kubeadm init phase $* --config $KUBEADM_CONFIG" init phase "$@" --config "$KUBEADM_CONFIG"; }

write_manifests() {
  forget_written "${WRITTEN_MANIFESTS[@]}"
  phase control-plane all
  write_etcd_manifest
}

renew_api_certificate() {
  keep "$CERTIFICATE_BEFORE" "$PKI"/apiserver.{crt,key}
  make_api_certificate
  sync "$PKI"/apiserver.{crt,key} "$PKI"
  drop "$CERTIFICATE_BEFORE"
}

reconfigure_cluster() {
  local before now
  wait_for_others "$NODE_IP"
  lead_elsewhere "$NODE_IP"
  divert_clients
  before=$(container_of kube-apiserver)
  trap 'put_back_half_done; let_clients_in' EXIT # whatever ends the step before the change is done
  renew_api_certificate
  change_static_pods write_manifests
  now=$(container_of kube-apiserver)
  if [[ $now == "$before" ]]; then
    crictl stop --timeout "$GRACE_SECONDS" "$before" >/dev/null # the API server reads its certificate when it starts
    wait_for 180 "the API server to restart with its new certificate" "crictl ps -a --name kube-apiserver" \
      is_another kube-apiserver "$before"
  fi
  trap let_clients_in EXIT
  let_clients_in
  if [[ $LEADS == true ]]; then
    phase upload-config kubeadm
    phase addon coredns
    forget "$KUBE_PROXY_CONFIGURATION_MARK" # it has the endpoint, the pod network and the image of this configuration
  fi
  changed "the control plane has its new configuration"
}

# The pool of the pod network keeps its first encapsulation: later settings of calico-node do not change it.
POOL=ippools.crd.projectcalico.org/default-ipv4-ippool
set_encapsulation() {
  ask "the API server to say whether it has the pools of Calico" kubectl get crd "${POOL%/*}" --ignore-not-found --output name
  [[ -n $ANSWER ]] || return 0
  ask "the API server to say whether it has the pool ${POOL#*/}" kubectl get "$POOL" --ignore-not-found --output name
  [[ -n $ANSWER ]] || return 0
  kubectl patch "$POOL" --type merge --patch "{\"spec\": {\"vxlanMode\": \"$VXLAN_MODE\"}}" >/dev/null
  changed "the pod network has VXLAN mode $VXLAN_MODE"
}

if [[ $(mark "$CLUSTER_CONFIGURATION_MARK") != "$CLUSTER_CONFIGURATION_SHA256" ]]; then
  refuse_second_manifests
  forget "$CLUSTER_CONFIGURATION_MARK"
  reconfigure_cluster
  remember "$CLUSTER_CONFIGURATION_MARK" "$CLUSTER_CONFIGURATION_SHA256"
fi
if [[ $(mark "$KUBELET_CONFIGURATION_MARK") != "$KUBELET_CONFIGURATION_SHA256" ]]; then
  forget "$KUBELET_CONFIGURATION_MARK"
  forget_written "$KUBELET_CONFIG" "$KUBELET_FLAGS"
  restart_kubelet kubeadm init phase kubelet-start --config "$KUBEADM_CONFIG"
  [[ $LEADS != true ]] || upload_kubelet_configuration # for the other nodes, when this one runs with it
  remember "$KUBELET_CONFIGURATION_MARK" "$KUBELET_CONFIGURATION_SHA256"
fi
if [[ $(mark "$KUBE_PROXY_CONFIGURATION_MARK") != "$KUBE_PROXY_CONFIGURATION_SHA256" ]]; then
  forget "$KUBE_PROXY_CONFIGURATION_MARK"
  [[ $LEADS != true ]] || change_kube_proxies phase addon kube-proxy
  remember "$KUBE_PROXY_CONFIGURATION_MARK" "$KUBE_PROXY_CONFIGURATION_SHA256"
fi
if [[ $(mark "$VXLAN_MODE_MARK") != "$VXLAN_MODE" ]]; then
  forget "$VXLAN_MODE_MARK"
  [[ $LEADS != true ]] || set_encapsulation
  remember "$VXLAN_MODE_MARK" "$VXLAN_MODE"
fi
