# shellcheck shell=bash
# Clients of the API server of this machine: while it cannot serve, another control plane serves them.
# Needs: NODE_IP; lib/etcd.sh lib/rules.sh lib/vip.sh
. "$LIBRARY/lib/rules.sh"

# Name of the chain that leads new connections to another control plane, and comment of each rule of this file. The rules leave
# two kinds of connections alone: those of programs on this machine, whose packets do not pass PREROUTING, and those that began
# before the rules.
DETOUR=PULUMI-KUBEADM-API

# detour MEMBERS: make rules by which the first other control plane serves new connections. Connections of control planes are
# left alone: control planes check whether this API server serves, and two detours would make a circle.
detour() {
  local address comment detoured others=()
  while read -r _ address _; do
    [[ $address == "$NODE_IP" ]] || others+=("$address")
  done <<<"$1"
  comment="--match comment --comment $DETOUR"
  detoured="--protocol tcp --match conntrack --ctstate DNAT --ctorigdstport 6443 $comment"
  # MASQUERADE leads the answers back through this machine. ACCEPT is for a firewall of the owner that forwards nothing.
  iptables-restore --wait --noflush <<EOF
*nat
:$DETOUR - [0:0]
$(printf -- "-A $DETOUR --source %s $comment --jump RETURN\n" "${others[@]}")
-A $DETOUR --protocol tcp $comment --jump DNAT --to-destination ${others[0]}:6443
-I PREROUTING --protocol tcp --dport 6443 --match addrtype --dst-type LOCAL $comment --jump $DETOUR
-I POSTROUTING $detoured --jump MASQUERADE
COMMIT
*filter
-I FORWARD $detoured --jump ACCEPT
COMMIT
EOF
}

# divert_clients: have another control plane take the virtual address and serve new connections, before etcd restarts here.
# Without etcd the API server answers nothing, and load balancers and the service `kubernetes` notice this later. An only
# control plane diverts nobody. After a reboot there are no rules, and the machine takes part in the virtual address.
divert_clients() {
  local message count
  ask_members
  count=$(wc -l <<<"$ANSWER")
  ((count > 1)) || return 0
  give_up_vip
  command -v iptables-restore >/dev/null || {
    changed "requests may fail while etcd restarts: without iptables no other control plane serves them"
    return 0
  }
  message=$(detour "$ANSWER" 2>&1) ||
    changed "requests may fail while etcd restarts: iptables leads them nowhere else, and says: ${message//$'\n'/ }"
}

# end_detour: delete the rules, also those of a detour that was begun twice.
end_detour() {
  local rules
  rules=$(iptables-save) || return 1
  [[ $rules == *"$DETOUR"* ]] || return 0
  rules_without "$DETOUR" <<<"$rules" | iptables-restore --wait --noflush
}

# let_clients_in: end the diversion, also that of an interrupted run. A rule that cannot be deleted is reported and does not
# end the step: the change of the step is done, and `let_clients_in` also runs when a step ends with an error.
let_clients_in() {
  local message
  if command -v iptables-save >/dev/null; then
    message=$(end_detour 2>&1) ||
      explain "iptables to let clients of the API server in again" "${message:-nothing of iptables}" \
        "on $HOST_NAME: iptables --table nat --flush $DETOUR" >&2
  fi
  take_part_in_vip
}
