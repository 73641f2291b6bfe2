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
  local count said
  ask_members
  count=$(wc -l <<<"$ANSWER")
  ((count > 1)) || return 0
  give_up_vip
  command -v iptables >/dev/null || {
    changed "requests may fail while etcd restarts: without iptables clients are not turned away"
    return 0
  }
  said=$(iptables --wait --insert "${REFUSAL[@]}" 2>&1) || {
    changed "requests may fail while etcd restarts: iptables does not turn clients away, and says: ${said//$'\n'/ }"
    return 0
  }
  sleep "$TURN_AWAY_SECONDS"
}

# let_clients_in: also those that a run turned away that was cut short. A rule that stays is told, and ends no step: what the
# step changed is done, and `let_clients_in` runs when steps end with an error, too.
let_clients_in() {
  local said status=0
  if command -v iptables >/dev/null; then
    while ((status == 0)); do
      said=$(iptables --wait --check "${REFUSAL[@]}" 2>&1) || status=$?
      ((status != 0)) || said=$(iptables --wait --delete "${REFUSAL[@]}" 2>&1) || status=255
    done
    # 1 says that there is no such rule. Any other status says nothing of it.
    ((status == 1)) || explain "iptables to let clients of the API server in again" "${said:-nothing of iptables}" \
      "on $HOST_NAME: iptables --list INPUT --line-numbers; iptables --delete INPUT NUMBER of a rule pulumi-kubeadm" >&2
  fi
  take_part_in_vip
}
