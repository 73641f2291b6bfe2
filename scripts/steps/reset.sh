# shellcheck shell=bash
# The machine is as it was before the stack, except for installed packages: nothing of Kubernetes runs or is left on it. The
# scripts stay: a reset whose session was lost at its end runs once more, and finds nothing to do.
# Needs: CLUSTER_ID CLUSTER_NAME NODE_LEAVES_FIRST ROLE; lib/backup.sh lib/containerd.sh lib/dpkg.sh
#   lib/hosts_file.sh lib/ipvs.sh lib/kubeadm.sh lib/load_balancer.sh lib/mounts.sh lib/own_service.sh
#   lib/rules.sh lib/serving_certificates.sh lib/swap.sh lib/vip.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/swap.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/dpkg.sh"
. "$LIBRARY/lib/hosts_file.sh"
. "$LIBRARY/lib/ipvs.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/load_balancer.sh"
. "$LIBRARY/lib/mounts.sh"
. "$LIBRARY/lib/rules.sh"
. "$LIBRARY/lib/backup.sh"
. "$LIBRARY/lib/serving_certificates.sh"
. "$LIBRARY/lib/vip.sh"

KUBECONFIG=$KUBELET_CONF # not exported: `kubeadm reset` would ask the API with it

owner=$(mark "$OWNER_MARK") name=$(mark "$HOST_NAME_MARK")
if [[ -z $owner ]]; then
  changed "the machine belongs to no cluster: nothing is reset"
  step_is_done
  exit 0
fi
[[ $owner == "$CLUSTER_ID" ]] ||
  fail "a machine of cluster $CLUSTER_NAME ($CLUSTER_ID)" "it belongs to cluster $(mark "$CLUSTER_NAME_MARK") ($owner)" \
    "to forget it without a reset: write the line of $HOST_NAME back, with \`gone: true\`, pulumi up, then delete the line"
if [[ -n $name && $name != "$HOST_NAME" ]]; then
  changed "the machine is $name of this cluster now: nothing is reset"
  step_is_done
  exit 0
fi

# look_for_node: ask the API server about the node. A server that does not know the certificate of the kubelet, or has another
# authority, has answered, too. A server that calls the certificate expired has not: one of the two clocks may be wrong.
look_for_node() {
  if hear kubectl --kubeconfig "$KUBELET_CONF" get node "$HOST_NAME" --ignore-not-found --output name 2>"$STAGING/kubectl" ||
    grep 'Unauthorized\|x509' "$STAGING/kubectl" | grep --quiet --invert-match 'has expired'; then return; fi
  cat "$STAGING/kubectl"
  return 1
}

# reports_removal: whether etcd reported, when it ended, that its member is out. A member that is out reports it at each start.
reports_removal() {
  local etcd
  etcd=$(crictl ps --all --quiet --name '^etcd$' | head -n 1) && [[ -n $etcd ]] &&
    crictl logs --tail 200 "$etcd" 2>&1 | grep 'permanently removed from the cluster'
}

# is_out_of_cluster: whether a control plane is out of the cluster. Its own API server answers no more once its member is out
# of etcd, and etcd reports that. Silence is no sign: the member may have a vote that nobody hears at this moment. A node that
# somebody deleted is none either: a balancer of the owner leads to another API server while etcd still boots here. Only a
# machine without a member is out once its node is.
is_out_of_cluster() {
  reports_removal && return
  if [[ -d /var/lib/etcd/member ]]; then
    echo "an etcd on $HOST_NAME that does not report that its member is out"
    return 1
  fi
  look_for_node || return 1
  printf '%s' "$ANSWER"
  [[ -z $ANSWER ]]
}

# A worker that was off when its node was deleted registers the node again as soon as it starts. A control plane cannot. It
# still has its node if the state has lost its membership: a membership removes the node first.
ANSWER=
if [[ $NODE_LEAVES_FIRST == true && -f $KUBELET_CONF ]]; then
  if [[ $ROLE == worker ]]; then
    # One that starts at this moment, as after a boot, would register the node behind the look.
    trap 'systemctl start kubelet' EXIT
    pause_service kubelet "the kubelet"
    next="where the node is out of the cluster, or the cluster is lost, on $HOST_NAME: rm $KUBELET_CONF; then pulumi up"
    wait_for "$ANSWER_SECONDS" "the API server to say whether it has node $HOST_NAME" "$next" look_for_node
  elif is_marked "$INITIALIZED_MARK" || { [[ -f $ADMIN_CONF ]] && ! is_marked "$JOIN_STARTED_MARK"; }; then
    # The mark may be lost. Without a mark of a join that was cut short this machine may still have a vote.
    next="write the line of $HOST_NAME back, pulumi up, then delete it; where its member of etcd is out, or the cluster is \
lost, on $HOST_NAME: rm $KUBELET_CONF; then pulumi up"
    # After a boot neither etcd nor the API server answers for a while.
    wait_for "$ANSWER_SECONDS" "node $HOST_NAME to be out of the cluster" "$next" is_out_of_cluster
    ANSWER= # from before etcd reported that its member is out
  fi
fi
if [[ -n $ANSWER ]]; then
  fail "node $HOST_NAME to be out of the cluster" \
    "the node is in the cluster: a machine that was off registers its node again when it starts" \
    "kubectl drain $HOST_NAME --ignore-daemonsets --delete-emptydir-data; kubectl delete node $HOST_NAME; then pulumi up"
fi
trap - EXIT

refuse_silent_mounts /var/lib/kubelet
# With this file kubeadm asks the API for a member of etcd that is removed already. It goes before the mark, and for good: a
# reset that is cut short leaves no etcd that could report once more that its member is out.
if [[ -f $ADMIN_CONF ]]; then
  rm "$ADMIN_CONF"
  sync "$(dirname "$ADMIN_CONF")"
fi
forget "$INITIALIZED_MARK"
if command -v kubeadm >/dev/null; then undo_kubeadm; fi
pause_service kubelet "the kubelet"
systemctl --quiet disable kubelet 2>/dev/null || true # not there on a machine whose preparation was cut short
wait_for_end_of_pods                                  # where somebody removed kubeadm, nothing has ended them yet
stop_load_balancer
stop_backups
stop_approval
stop_vip

# Rules and links of kube-proxy and Calico, and rules of ours that an interrupted step left, go; rules of others stay.
for version in iptables ip6tables; do
  command -v "$version-save" >/dev/null || continue
  # A kernel may lack one of the two.
  rules=$("$version-save" 2>"$STAGING/message") || {
    message=$(<"$STAGING/message")
    changed "rules of $version, if there are any, stay until a reboot: $version-save says ${message//$'\n'/ }"
    continue
  }
  [[ -z $rules ]] ||
    rules_without 'KUBE-|cali[-:]|PULUMI-KUBEADM-API' <<<"$rules" | "$version-restore" --wait --noflush
done
# Tables of kube-proxy and Calico, if they use nftables. Calico has one for ARP in each mode.
if command -v nft >/dev/null; then
  tables=$(nft list tables 2>"$STAGING/message") || {
    message=$(<"$STAGING/message")
    changed "tables of nftables, if there are any, stay until a reboot: nft says ${message//$'\n'/ }"
  }
  while read -r _ family table; do
    case "$family $table" in
      "ip kube-proxy" | "ip6 kube-proxy" | "ip calico" | "ip6 calico" | "arp calico-arp") nft delete table "$family" "$table" ;;
    esac
  done <<<"$tables"
fi
destroy_sets
clear_ipvs
links=$(ip -brief link show | awk '$1 ~ /^(vxlan\.calico|cali|kube-ipvs0)/ {sub(/@.*/, "", $1); print $1}')
for link in $links; do
  ip link delete "$link" 2>/dev/null || true # a pod's end of a link may have gone with its pod meanwhile
done
# Volumes of pods that kubeadm could not unmount have data of others. The container ebpf-bootstrap of Calico mounts the cgroups
# of the machine at /run/calico/cgroup in each mode, where no file can be deleted.
unmount_below /var/lib/kubelet
unmount_below /var/run/calico
for directory in /etc/cni/net.d /etc/kubernetes /var/lib/{cni,etcd,kubelet,calico} /var/run/calico \
  /var/log/{calico,kubernetes}; do
  missing=$(missing_mount "$directory")
  [[ -z $missing ]] || changed "what a file system has for $directory stays there: none is mounted at $missing"
  empty "$directory"
done

held=$(apt-mark showhold)
for package in kubeadm kubelet kubectl; do
  grep --quiet --line-regexp "$package" <<<"$held" || continue # not there on a machine whose preparation was cut short
  with_dpkg apt-mark unhold "$package" ||
    fail "package $package to be held no longer" "$(tail -n 5 "$STAGING/dpkg")" "apt-mark unhold $package; then pulumi up"
done
finish_hosts
hosts=$(without_block /etc/hosts)
write_hosts "$hosts"
forget_cloud
# Every file that a step put goes. A step writes its list before its first file. A machine whose preparation or reset was
# interrupted may have no list.
if [[ -d $FILE_LISTS ]]; then
  find "$FILE_LISTS" -type f -exec sort --unique {} + | sed '\|^/etc/hosts$|d' | xargs --delimiter '\n' rm -f
fi
rm -rf "$REGISTRIES"
if [[ -f $CONTAINERD_CONFIG_BEFORE ]]; then mv "$CONTAINERD_CONFIG_BEFORE" "$CONTAINERD_CONFIG"; fi
if grep --quiet "^$SWAP_COMMENT" /etc/fstab 2>/dev/null; then
  edit_fstab "s/^$SWAP_COMMENT//"
fi
rm -f "$FSTAB_BEFORE" "$FSTAB_BEFORE.new" /etc/fstab.new
systemctl --quiet unmask swap.target
units=$(mark "$SWAP_UNITS_MARK")
for unit in $units; do
  systemctl --quiet enable "$unit" || true # its package may be gone
done
systemctl daemon-reload
rm -rf "$LOGS"
# The mark of the owner goes last: without it a reset that was cut short would find nothing to do.
empty "$STATE" "$OWNER_MARK"
sync "$STATE"
# Bundles may lie on a disk of their own.
mounts=$(mounts_below "$STATE")
if [[ -z $mounts ]]; then rm -rf "$STATE"; else forget "$OWNER_MARK"; fi
changed "the machine is reset"
step_is_done
