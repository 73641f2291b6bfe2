# shellcheck shell=bash
# Makes the member of etcd on this machine a cluster of its own, because the majority of the members is lost for good. The data
# before that stay in a directory beside it.
# Needs: OTHER_ADDRESSES; lib/etcd.sh lib/etcd_answers.sh lib/kubeadm.sh lib/nodes.sh lib/static_pods.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/etcd.sh"

export KUBECONFIG=$ADMIN_CONF
ETCD_DATA=/var/lib/etcd
# Each attempt has a copy of its own: the copies of earlier attempts hold what is gone since.
BEFORE_RECOVERY=$ETCD_DATA/before-recovery-$(date --utc +%Y%m%dT%H%M%SZ)
while [[ -e $BEFORE_RECOVERY ]]; do BEFORE_RECOVERY+=-again; done # of an attempt in the same second

is_alone() {
  local members count
  members=$(etcd_members) && count=$(wc -l <<<"$members") || return 1
  [[ $count == 1 ]] && hears_majority
}
# etcd_has_ended: whether the pod of etcd has ended. An etcd without a majority ends, and the kubelet starts it again: a look at
# containers between two starts finds none, and the next etcd would write while its data are copied.
etcd_has_ended() {
  local pod
  pod=$(crictl pods --quiet --state ready --namespace '^kube-system$' --name "^etcd-$HOST_NAME\$") || return 1
  [[ -z $pod ]]
}

# refuse_majority: end the step if another member answers. IS_ALONE says whether this member serves without others. A member
# that starts, or that is busy, answers late.
refuse_majority() {
  local address
  IS_ALONE=false
  if comes_true "$ANSWER_SECONDS" hears_majority; then
    ask_members
    [[ $ANSWER != *$'\n'* ]] ||
      fail "an etcd without a majority of its members" "a majority that serves: there is nothing to recover" \
        "make status STACK=...; a machine that is dead: gone: true in the stack file, then pulumi up"
    IS_ALONE=true
  fi
  for address in $OTHER_ADDRESSES; do
    # The data of that member may be newer, and both may be a majority. A lost machine is silent, so silence is accepted here:
    # `make recover` has asked each machine that it can log in to.
    if timeout 5 bash -c "exec 3<>/dev/tcp/$address/2380" 2>/dev/null; then
      fail "no other member of etcd that answers" "one at $address" \
        "start the machines that are left, make status STACK=...; where this one is to go on alone: \
turn the machine at $address off"
    fi
  done
}

refuse_without_data() {
  local size free
  { [[ -d $ETCD_DATA/member ]] && compgen -G "$MANIFESTS/etcd.yaml" || [[ -d $MANIFESTS_BEFORE ]]; } >/dev/null ||
    fail "a member of etcd on this machine" "no data in $ETCD_DATA/member, or no manifest $MANIFESTS/etcd.yaml" \
      "make recover STACK=... HOST=..., another host; or make restore STACK=... BUNDLE=..."
  size=$(du --summarize --block-size=1M "$ETCD_DATA/member" | cut --fields 1)
  free=$(free_disk_mib "$ETCD_DATA")
  ((free > size)) || fail "room for a copy of the data of etcd: $size MiB" "$free MiB in $ETCD_DATA" "df -h $ETCD_DATA"
}

keep_data() {
  rm -rf "$ETCD_DATA"/before-recovery*.new # of a run that was cut short
  cp --recursive --preserve "$ETCD_DATA/member" "$BEFORE_RECOVERY.new"
  sync --file-system "$ETCD_DATA"
  mv --no-target-directory "$BEFORE_RECOVERY.new" "$BEFORE_RECOVERY"
}

# start_alone: start etcd with --force-new-cluster, by which it forgets all other members. With this argument it would forget
# them at each later start, too. So the manifests are put back however the step ends; after a power cut by the next run, or by
# the next update of this control plane.
start_alone() {
  local manifest=$STAGING/etcd.yaml
  trap put_back_half_done EXIT
  keep "$MANIFESTS_BEFORE" "$MANIFESTS"/*
  rm "$MANIFESTS/etcd.yaml"
  wait_for 120 "the pod of etcd to end" "crictl pods --state ready --name etcd; journalctl -u kubelet -n 50" etcd_has_ended
  keep_data
  sed 's/^\( *\)- etcd$/&\n\1- --force-new-cluster/' "$MANIFESTS_BEFORE/etcd.yaml" >"$manifest"
  install --mode 0600 "$manifest" "$MANIFESTS/etcd.yaml"
  wait_for 180 "etcd to begin anew with this member alone" "crictl logs \$(crictl ps --all --quiet --name '^etcd\$')" is_alone
  put_back_half_done
  trap - EXIT
}

refuse_majority
if [[ -d $MANIFESTS_BEFORE ]]; then put_back_half_done; fi
if [[ $IS_ALONE == false ]]; then
  refuse_without_data
  start_alone
  wait_for 180 "etcd to run with its own arguments again" "crictl logs \$(crictl ps --all --quiet --name '^etcd\$')" is_alone
  changed "etcd goes on with this member alone; its data as they were: $BEFORE_RECOVERY"
fi
wait_for 240 "the API server to be ready" "crictl ps -a; journalctl -u kubelet -n 50" api_is_ready
step_is_done
