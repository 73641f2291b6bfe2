# shellcheck shell=bash
# What kubeadm wrote once with the endpoint in it leads to the endpoint of the stack: a cluster whose endpoint was an address
# gets a name. Certificates have the old address, too, so nothing breaks half-way.
# Needs: API_SERVER CLUSTER_IDENTITY LEADS; lib/endpoint.sh lib/kubeadm.sh

CLUSTER_INFO=(--namespace kube-public configmap cluster-info)

# The kube-proxies run with the new endpoint already, which their configuration has.
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
