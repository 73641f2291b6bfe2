# shellcheck shell=bash
# etcd of this control plane and its other members, queried with the etcdctl in etcd's own image: it has the version of etcd.
# Needs: lib/etcd_answers.sh lib/kubeadm.sh lib/nodes.sh lib/static_pods.sh
. "$LIBRARY/lib/etcd_answers.sh"

# etcdctl ARGUMENT...: run etcdctl in the container of etcd. The time limits of etcdctl do not end a crictl that waits for a
# hanging containerd, so `timeout` limits both.
ETCDCTL_SECONDS=60
etcdctl() {
  local container
  container=$(container_of etcd) || return 1
  [[ -n $container ]] || { echo "no container of etcd runs" >&2 && return 1; }
  timeout --foreground "$ETCDCTL_SECONDS" crictl exec "$container" etcdctl --command-timeout 10s --cacert "$PKI/etcd/ca.crt" \
    --cert "$PKI/etcd/server.crt" --key "$PKI/etcd/server.key" --endpoints https://127.0.0.1:2379 "$@"
}

# ask_members: ANSWER has a line for each member. Without a majority etcd does not answer.
ask_members() {
  wait_for "$ANSWER_SECONDS" "etcd to list its members" \
    "make status STACK=...; where a majority of the control planes is lost: docs/how-to/lost-majority.md" hear etcd_members
}

# find_member ADDRESS: MEMBER is the member of etcd on the machine with this address, as etcd_members prints it, or empty.
find_member() {
  ask_members
  # shellcheck disable=SC2034 # callers read it
  MEMBER=$(awk -v address="$1" '$2 == address' <<<"$ANSWER")
}

# leader_id: ID of the member that leads, as etcd_members prints it; fails where none leads.
leader_id() {
  local status leader
  status=$(etcdctl endpoint status --write-out fields) || return 1
  leader=$(sed --quiet --regexp-extended 's/^"Leader" : ([1-9][0-9]*)$/\1/p' <<<"$status")
  [[ -n $leader ]] || { echo "no member of etcd leads" >&2 && return 1; }
  printf '%x' "$leader"
}

# hears_majority: read a key, which the leader confirms. If that succeeds, this member has every write that was acknowledged
# before. `endpoint health` would fail if the quota of the member is exceeded.
hears_majority() { etcdctl get majority --keys-only; }

# others_are_well [ADDRESS]: every member of etcd, except the one at the address, has a vote and is healthy, and the API server
# of its machine is ready. The member of this machine counts, too.
others_are_well() {
  local members id address url is_learner
  members=$(etcd_members) || return 1
  while read -r id address url is_learner; do
    [[ $address != "${1:-}" ]] || continue
    [[ $is_learner == false ]] || { echo "the member of etcd at $address has no vote" && return 1; }
    etcdctl --endpoints "$url" endpoint health 2>&1 || return 1
    serves "$address" || return 1
  done <<<"$members"
}

# wait_for_others [ADDRESS]: wait for others_are_well, before a change that takes a control plane out of service, even for a
# moment.
wait_for_others() {
  wait_for 120 "all other control planes to be well" \
    "make status STACK=...; a machine that is dead: gone: true in the stack file, then pulumi up" others_are_well "${1:-}"
}

# majority_is_well ADDRESS: of the members without the one at the address, more than half are healthy.
majority_is_well() {
  local members id address url is_learner well=0 all=0
  members=$(etcd_members) || return 1
  while read -r id address url is_learner; do
    [[ $address != "$1" ]] || continue
    all=$((all + 1))
    if etcdctl --endpoints "$url" endpoint health; then well=$((well + 1)); fi
  done <<<"$members"
  ((2 * well > all)) || { echo "$well of $all are healthy" && return 1; }
}

# member_is_removed ID
member_is_removed() {
  local members
  members=$(etcd_members) || return 1
  ! grep --quiet "^$1 " <<<"$members" || etcdctl member remove "$1"
}

# lead_elsewhere ADDRESS: have another member lead than the one at the address, if there is another one.
lead_elsewhere() {
  wait_for 60 "another member of etcd to lead than that at $1" "crictl logs \$(crictl ps --quiet --name '^etcd\$')" \
    leads_elsewhere "$1"
}
leads_elsewhere() {
  local members leader member id address from url is_learner is_only=true
  members=$(etcd_members) && leader=$(leader_id) || return 1
  member=$(awk -v address="$1" '$2 == address' <<<"$members")
  read -r id _ from _ <<<"$member"
  [[ -n $id && $leader == "$id" ]] || return 0
  # etcd drops writes while it hands its leadership to a dead member, so only a healthy one is chosen.
  while read -r id address url is_learner; do
    [[ $address != "$1" && $is_learner == false ]] || continue
    is_only=false
    etcdctl --endpoints "$url" endpoint health || continue
    etcdctl --endpoints "$from" move-leader "$id"
    return
  done <<<"$members"
  [[ $is_only == true ]]
}
