# shellcheck shell=bash
# kube-proxy of this machine, which uses the API by the name of the endpoint.
# Needs: API_HOST; lib/kubeadm.sh

# api_address FILE: the address of the endpoint's name in a hosts file; nothing where name servers know the name.
api_address() { awk -v name="$API_HOST" '$2 == name {print $1}' "$1"; }

# restart_stale_kube_proxy: restart kube-proxy if the endpoint's name led elsewhere when it started: a pod in the network of
# its machine keeps the /etc/hosts of its start. The rules of services stay meanwhile.
restart_stale_kube_proxy() {
  local container pod before now
  [[ -n ${API_HOST:-} && -f $KUBELET_CONF ]] || return 0
  container=$(crictl ps --quiet --name '^kube-proxy$' | head -n 1)
  [[ -n $container ]] || return 0
  pod=$(crictl inspect --output go-template --template '{{index .status.labels "io.kubernetes.pod.uid"}}' "$container")
  [[ -f /var/lib/kubelet/pods/$pod/etc-hosts ]] || return 0
  before=$(api_address "/var/lib/kubelet/pods/$pod/etc-hosts")
  now=$(api_address /etc/hosts)
  [[ $before != "$now" ]] || return 0
  crictl stop --timeout 10 "$container" >/dev/null
  changed "kube-proxy restarts, since $API_HOST leads to ${now:-a name server} now"
}
