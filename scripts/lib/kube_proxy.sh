# shellcheck shell=bash
# kube-proxy of this machine, which uses the API by the name of the endpoint.
# Needs: API_HOST; lib/kubeadm.sh

# api_address FILE: the address of the endpoint's name in a hosts file; nothing where name servers know the name.
api_address() { awk -v name="$API_HOST" '$2 == name {print $1}' "$1"; }

# restart_stale_kube_proxy: restart kube-proxy if the endpoint's name led elsewhere when it started: a pod in the network of
# its machine keeps the /etc/hosts of its start. The rules of services stay meanwhile.
restart_stale_kube_proxy() {
  [[ -n ${API_HOST:-} && -f $KUBELET_CONF ]] || return 0
  wait_for "$ANSWER_SECONDS" "kube-proxy to follow $API_HOST" "crictl ps --name kube-proxy" kube_proxy_follows
  [[ -z $STALE ]] || changed "$STALE"
}

# kube_proxy_follows: STALE says what it restarted. Its container may go at any moment, as when the leader changes kube-proxy on
# all nodes: then this one looks again.
kube_proxy_follows() {
  local container pod before now
  STALE=
  container=$(crictl ps --quiet --name '^kube-proxy$' | head -n 1) || return 1
  [[ -n $container ]] || return 0
  pod=$(crictl inspect --output go-template --template '{{index .status.labels "io.kubernetes.pod.uid"}}' "$container") ||
    return 1
  [[ -f /var/lib/kubelet/pods/$pod/etc-hosts ]] || return 0
  before=$(api_address "/var/lib/kubelet/pods/$pod/etc-hosts") && now=$(api_address /etc/hosts) || return 1
  [[ $before != "$now" ]] || return 0
  crictl stop --timeout 10 "$container" || return 1
  STALE="kube-proxy restarts, since $API_HOST leads to ${now:-a name server} now"
}
