# shellcheck shell=bash
# Endpoints of the service `kubernetes`, by which programs in pods find the API servers.
# Needs: lib/etcd.sh

FOLLOW_SECONDS=6 # each kube-proxy has seen that the endpoint is gone, also on a busy machine

# withdraw_endpoint ADDRESS: no pod finds the API server there any longer, while it still serves. One whose etcd has left is an
# endpoint until its lease ends, after 15 s, and another API server looks at the leases, each 10 s.
withdraw_endpoint() {
  comes_true 30 is_withdrawn "$1" ||
    changed "requests of pods may fail for half a minute: the API server at $1 stays an endpoint of the service kubernetes"
}
# An API server renews its lease each 10 s: where it did so meanwhile, the next attempt has 10 s before the next renewal.
is_withdrawn() {
  local lease=/registry/masterleases/$1 found
  etcdctl del "$lease" && remove_endpoint "$1" || return 1
  sleep "$FOLLOW_SECONDS"
  found=$(etcdctl get "$lease" --keys-only --write-out fields) && [[ $found == *'"Count" : 0' ]] # none is no answer
}

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
