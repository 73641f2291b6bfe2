# shellcheck shell=bash
# Whether a control plane can have the virtual address of the API: findings of parts/prepare/machine.sh.
# Needs: CLUSTER_ID NODE_IP VIP; lib/kubeadm.sh lib/vip.sh
. "$LIBRARY/lib/vip.sh"

VIP_PORT=6443

# check_vip: a machine outside of the network of the virtual address would hold it, but nobody would find the machine there.
# The address of the network itself, and its broadcast address, do not serve.
check_vip() {
  local card route broadcast next
  # A step of an older version has none.
  [[ -n ${VIP:-} ]] && command -v ip >/dev/null || return 0
  card=$(ip -4 -oneline address show to "$NODE_IP/32" | awk 'NR == 1 {print $2}')
  [[ -n $card ]] || return 0 # check_node_ip says it
  route=$(ip -4 route show match "$VIP/32" dev "$card" scope link)
  next="ip -4 route show dev $card; correct cluster.vip.address in the stack file"
  [[ -n $route ]] || find_wrong "the virtual address $VIP in a network of $card, which has the node's address $NODE_IP" \
    "$(ip -4 route show dev "$card" scope link)" "$next"
  broadcast=$(ip -4 route show table local exact "$VIP/32" dev "$card" type broadcast)
  [[ -z $broadcast && $route != "$VIP/"* ]] ||
    find_wrong "a virtual address that one machine can have" "${broadcast:-the address of the network $route}" "$next"
  check_vip_is_free "$card"
}

# check_vip_is_free CARD: connections to an address of two machines reach one or the other. The step `repositories` knows no
# other control planes and does not check; nor does a machine that takes part already or has the address.
check_vip_is_free() {
  local own
  is_staged "$VIP_CONFIG" || return 0
  ! grep --quiet --no-messages --fixed-strings " $VIP/" "$VIP_CONFIG" || return 0
  own=$(ip -4 -oneline address show to "$VIP/32")
  [[ -z $own ]] || return 0
  # keepalived takes three seconds to leave a control plane whose API server ends.
  comes_true 10 vip_is_free_or_ours "$1" ||
    find_wrong "the virtual address $VIP to be free, or at a control plane of this cluster" \
      "another machine that answers there: $(ip -4 neighbour show to "$VIP" dev "$1")" \
      "choose another cluster.vip.address in the stack file; or free this one: ping $VIP; ip -4 neighbour show to $VIP"
}

connect() {
  # shellcheck disable=SC2016 # the inner shell expands them
  timeout 10 bash -c ': <"/dev/tcp/$0/$1"' "$1" "$VIP_PORT" 2>&1
}

# vip_is_free_or_ours CARD: a machine that drops packets still answers for its hardware address; if nobody does within three
# seconds, the address is free. On a node the certificate says whose API server answers. A new machine knows no certificate, so
# it connects to the other control planes: one of them can have the virtual address only while its API server serves at its own
# address, too.
vip_is_free_or_ours() {
  local seen status=0 peer peers
  seen=$(connect "$VIP") || status=$?
  if ((status != 0)) && [[ $seen != *"Connection refused"* ]]; then
    seen=$(ip -4 neighbour show to "$VIP" dev "$1" nud reachable) || return 1
    [[ -n $seen ]] || return 0
  fi
  if [[ -f $PKI/ca.crt && $(mark "$OWNER_MARK") == "$CLUSTER_ID" ]]; then
    timeout 10 openssl s_client -connect "$VIP:$VIP_PORT" -CAfile "$PKI/ca.crt" -partial_chain -verify_return_error </dev/null
    return
  fi
  peers=$(sed --quiet 's/^ \{8\}\([0-9.]*\)\( # leaves\)\?$/\1/p' "$STAGING/files$VIP_CONFIG") || return 1
  for peer in $peers; do
    if connect "$peer"; then return 0; fi
  done
  return 1
}
