# shellcheck shell=bash
# Endpoints of the service `kubernetes`, by which programs in pods find the API servers.
# Needs: lib/etcd.sh

FOLLOW_SECONDS=6      # each kube-proxy has seen that the endpoint is gone, also on a busy machine
WITHDRAWN_SECONDS=120 # longer than etcd is given to remove a member
WITHDRAWN="this control plane leaves"

# Its key for each API server that is an endpoint, which the API server renews each 10 s, and which ends 15 s after that.
LEASES=/registry/masterleases

# withdraw_endpoint ADDRESS: no pod finds the API server there any longer, while it still serves. One whose etcd has left is an
# endpoint until its lease ends, and another API server looks at the leases, each 10 s.
withdraw_endpoint() {
  comes_true 30 is_withdrawn "$1" ||
    changed "requests of pods may fail for half a minute: the API server at $1 stays an endpoint of the service kubernetes"
}
is_withdrawn() {
  local lease=$LEASES/$1 found
  if ! take_lease "$lease" || ! remove_endpoint "$1"; then
    finish_withdrawal "$1" # where the service has no other endpoint, API servers find the others
    return 1
  fi
  sleep "$FOLLOW_SECONDS"
  found=$(etcdctl get "$lease" --print-value-only) && [[ $found == "$WITHDRAWN" ]]
}

# take_lease KEY: no API server can read it any more, so its own does not renew it, and others leave the endpoints as they are:
# ReconcileEndpoints of Kubernetes' pkg/controlplane/reconcilers. Where it is deleted instead, its API server writes it anew at
# the next renewal, and its endpoint too. It ends by itself.
take_lease() {
  local granted id
  granted=$(etcdctl lease grant "$WITHDRAWN_SECONDS") || return 1 # lease 32698f2b41b5a20d granted with TTL(120s)
  read -r _ id _ <<<"$granted"
  etcdctl put --lease "$id" "$1" "$WITHDRAWN"
}

# finish_withdrawal ADDRESS: API servers look after the endpoints again. Where etcd does not answer, the lease ends by itself.
finish_withdrawal() { etcdctl del "$LEASES/$1" >/dev/null || true; }

# remove_endpoint ADDRESS: API servers do the same, by the leases, when they look.
remove_endpoint() {
  local found address others=() endpoints
  found=$(kubectl get endpointslice kubernetes --output 'jsonpath={.endpoints[*].addresses[0]}') || return 1
  [[ " $found " == *" $1 "* ]] || return 0
  for address in $found; do
    [[ $address == "$1" ]] || others+=("$address")
  done
  ((${#others[@]} > 0)) || return 1 # a service without endpoints serves nobody
  endpoints=$(printf ',{"addresses":["%s"],"conditions":{"ready":true}}' "${others[@]}")
  kubectl patch endpointslice kubernetes --type merge --patch "{\"endpoints\":[${endpoints#,}]}"
}
