# shellcheck shell=bash
# The node is out of the cluster: drained if it can be, its member of etcd removed, and deleted.
# Needs: IS_GONE NODE_IP NODE_NAME NODE_ROLE; lib/endpoints.sh lib/etcd.sh lib/nodes.sh

# leave_etcd: a member that leaves hands over its leadership first, and pods find its API server no longer. Where its machine is
# dead nobody asks it.
leave_etcd() {
  local id
  [[ -n $MEMBER ]] || return 0
  read -r id _ <<<"$MEMBER"
  if [[ $IS_GONE != true ]]; then
    lead_elsewhere "$NODE_IP"
    withdraw_endpoint "$NODE_IP"
  fi
  wait_for "$ANSWER_SECONDS" "etcd to remove the member at $NODE_IP" "crictl logs \$(crictl ps --quiet --name '^etcd\$')" \
    member_is_removed "$id"
  if [[ $IS_GONE != true ]]; then finish_withdrawal "$NODE_IP"; fi
  changed "the member of etcd at $NODE_IP is removed"
}

# wait_for_majority: of the members that remain. Other machines may be dead, too, and leave after this one.
wait_for_majority() {
  wait_for 120 "a majority of the control planes that remain to be well" \
    "docs/how-to/lost-majority.md" majority_is_well "$NODE_IP"
}

if [[ $NODE_ROLE == control-plane ]]; then
  find_member "$NODE_IP"
  [[ -z $MEMBER ]] || wait_for_majority # before the node is drained: an edit that is taken back leaves nothing to undo
fi
find_node "$NODE_NAME"
# shellcheck disable=SC2153 # find_node sets NODE
node=$NODE
if [[ -n $node ]]; then
  drain "$NODE_NAME" "remove what keeps these pods on the node, or raise policy.drainTimeoutSeconds; then pulumi up"
fi
if [[ $NODE_ROLE == control-plane ]]; then leave_etcd; fi
if [[ -n $node ]]; then
  kubectl delete node "$NODE_NAME" --ignore-not-found >/dev/null # somebody may have deleted it during the drain
  changed "node $NODE_NAME is deleted"
fi
taints_mark=$(worker_taints_mark "$NODE_NAME")
forget "$taints_mark"
forget "$(unfinished_taints_mark "$taints_mark")"
