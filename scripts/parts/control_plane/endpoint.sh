# shellcheck shell=bash
# Kubeconfigs and objects in which kubeadm wrote the endpoint once lead to the endpoint of the stack: a cluster whose endpoint
# was an address gets a name. Certificates keep the old address, so an interrupted change breaks nothing.
# Needs: API_SERVER CLUSTER_IDENTITY LEADS; lib/endpoint.sh lib/kubeadm.sh

CLUSTER_INFO=(--namespace kube-public configmap cluster-info)

# lead_cluster: ConfigMap cluster-info has the endpoint. Each kube-proxy has it already, from its own configuration.
lead_cluster() {
  local there
  ask "the API server to show configmap cluster-info" kubectl get "${CLUSTER_INFO[@]}" --output 'jsonpath={.data.kubeconfig}'
  there=$(server_in <<<"$ANSWER")
  [[ -n $there && $there != "$API_SERVER" ]] || return 0
  printf '%s\n' "${ANSWER/"$there"/"$API_SERVER"}" >"$STAGING/kubeconfig"
  kubectl create "${CLUSTER_INFO[@]}" --from-file "$STAGING/kubeconfig" --dry-run=client --output yaml >"$STAGING/cluster-info"
  kubectl apply --server-side --force-conflicts --field-manager pulumi-kubeadm --filename "$STAGING/cluster-info" >/dev/null
  changed "nodes that join find the API at $API_SERVER"
}

for kubeconfig in "$ADMIN_CONF" /etc/kubernetes/super-admin.conf; do
  lead_to_endpoint "$kubeconfig"
done
[[ $LEADS != true ]] || lead_cluster
remember "$CLUSTER_IDENTITY_MARK" "$CLUSTER_IDENTITY"
