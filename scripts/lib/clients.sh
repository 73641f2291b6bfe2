# shellcheck shell=bash
# Clients of the API server of this machine, which another control plane serves while this one cannot.
# Needs: NODE_IP; lib/etcd.sh lib/rules.sh lib/vip.sh
. "$LIBRARY/lib/rules.sh"

# Name of the chain that leads new connections to another control plane, and comment of each rule of this file. Packets of
# programs of this machine do not pass PREROUTING, and a connection that began before the rules stays with this API server.
DETOUR=PULUMI-KUBEADM-API

# detour MEMBERS: rules by which the first other control plane serves new connections, but not those of control planes: they
# look whether this API server serves, and two detours make no circle.
detour() {
  local address comment detoured others=()
  while read -r _ address _; do
    [[ $address == "$NODE_IP" ]] || others+=("$address")
  done <<<"$1"
  comment="--match comment --comment $DETOUR"
  detoured="--protocol tcp --match conntrack --ctstate DNAT --ctorigdstport 6443 $comment"
  # Answers come back through this machine. A firewall of the owner's may forward nothing.
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

# divert_clients: while etcd restarts, the API server beside it answers nothing, and load balancers and the service `kubernetes`
# notice it only then. So another control plane takes the virtual address, and serves new connections, before. The only control
# plane serves all. After a reboot there is no rule, and the machine takes part in the virtual address.
divert_clients() {
  local said count
  ask_members
  count=$(wc -l <<<"$ANSWER")
  ((count > 1)) || return 0
  give_up_vip
  command -v iptables-restore >/dev/null || {
    changed "requests may fail while etcd restarts: without iptables no other control plane serves them"
    return 0
  }
  said=$(detour "$ANSWER" 2>&1) ||
    changed "requests may fail while etcd restarts: iptables leads them nowhere else, and says: ${said//$'\n'/ }"
}

# end_detour: also one that was begun twice.
end_detour() {
  local rules
  rules=$(iptables-save) || return 1
  [[ $rules == *"$DETOUR"* ]] || return 0
  without "$DETOUR" <<<"$rules" | iptables-restore --wait --noflush
}

# let_clients_in: also those that a run diverted that was cut short. A rule that stays is told, and ends no step: what the
# step changed is done, and `let_clients_in` runs when steps end with an error, too.
let_clients_in() {
  local said
  if command -v iptables-save >/dev/null; then
    said=$(end_detour 2>&1) || explain "iptables to let clients of the API server in again" "${said:-nothing of iptables}" \
      "on $HOST_NAME: iptables --table nat --flush $DETOUR" >&2
  fi
  take_part_in_vip
}
