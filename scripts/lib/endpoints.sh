# shellcheck shell=bash
# Endpoints of the service `kubernetes`, by which programs in pods find the API servers.
# Needs: lib/etcd.sh

FOLLOW_SECONDS=6      # each kube-proxy has seen that the endpoint is gone, also on a busy machine
WITHDRAWN_SECONDS=120 # longer than etcd is given to remove a member
WITHDRAWN="this control plane leaves"

# The directory of leases in etcd. An API server is an endpoint while etcd has its lease. The API server renews the lease each
# 10 s; without a renewal the lease ends after 15 s.
LEASES=/registry/masterleases

# withdraw_endpoint ADDRESS: pods stop to use the API server at the address, which still serves. Otherwise it would stay an
# endpoint after its etcd has left, until its lease ends and another API server looks at the leases, each 10 s.
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

# take_lease KEY: replace the lease by a text, which ends by itself. An API server that cannot read its lease does not renew it,
# and the other API servers leave the endpoints as they are (ReconcileEndpoints in Kubernetes' pkg/controlplane/reconcilers).
# After a deletion the API server would write its lease and its endpoint anew at the next renewal.
take_lease() {
  local granted id
  granted=$(etcdctl lease grant "$WITHDRAWN_SECONDS") || return 1 # lease 32698f2b41b5a20d granted with TTL(120s)
  read -r _ id _ <<<"$granted"
  etcdctl put --lease "$id" "$1" "$WITHDRAWN"
}

# finish_withdrawal ADDRESS: API servers keep the endpoints again. If etcd does not answer, the text ends by itself.
finish_withdrawal() { etcdctl del "$LEASES/$1" >/dev/null || true; }

# remove_endpoint ADDRESS: take the address out of the service, as API servers do when a lease has ended.
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
