# shellcheck shell=bash
# Clients of the API server of this machine, which use another one while it cannot serve.
# Needs: lib/etcd.sh lib/vip.sh

# Of the packets that begin a connection from another machine; programs of this machine go on.
REFUSAL=(INPUT --protocol tcp --dport 6443 --syn ! --in-interface lo --match comment --comment pulumi-kubeadm
  --jump REJECT --reject-with tcp-reset)
TURN_AWAY_SECONDS=4 # haproxy looks each second, and leaves a server after two refusals

# turn_clients_away: while etcd restarts, the API server beside it answers nothing, and load balancers notice it only then. So
# another control plane takes the virtual address, and new connections are refused, before. The only control plane refuses
# nobody. After a reboot there is no rule, and the machine takes part in the virtual address.
turn_clients_away() {
  local count
  ask_members
  count=$(wc -l <<<"$ANSWER")
  ((count > 1)) || return 0
  give_up_vip
  command -v iptables >/dev/null || {
    changed "requests may fail while etcd restarts: without iptables clients are not turned away"
    return 0
  }
  iptables --wait --insert "${REFUSAL[@]}"
  sleep "$TURN_AWAY_SECONDS"
}

# let_clients_in: also those that a run turned away that was cut short.
let_clients_in() {
  if command -v iptables >/dev/null; then
    while iptables --wait --check "${REFUSAL[@]}" 2>/dev/null; do
      iptables --wait --delete "${REFUSAL[@]}"
    done
  fi
  take_part_in_vip
}
