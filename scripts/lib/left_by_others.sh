# shellcheck shell=bash
# Leftovers of others on a machine, and settings that make a node differ from the stack: findings of parts/prepare/machine.sh.
# Needs: lib/cni.sh lib/kubeadm.sh lib/kubelet_arguments.sh lib/units.sh
. "$LIBRARY/lib/cni.sh"
. "$LIBRARY/lib/kubelet_arguments.sh"
. "$LIBRARY/lib/units.sh"

check_pod_networks() {
  local others
  [[ ! -e $KUBELET_CONF ]] && ! is_marked "$PREPARED_MARK" || return 0
  others=$(other_pod_networks | paste --serial --delimiters ' ')
  [[ -z $others ]] || find_wrong "no pod network in $CNI but Calico, which the cluster gets" "$others" \
    "rm $others, of a cluster that was there before; a container engine that needs its own: move it to another directory"
}

check_units() {
  local units unit
  [[ ! -e $KUBELET_CONF ]] || return 0
  units=$(replaced_units)
  while read -r unit; do
    [[ -z $unit ]] || find_wrong "the unit ${unit##*/} of its package" "$unit, which takes its place" \
      "rm $unit; systemctl daemon-reload; its programs may be in /usr/local/bin"
  done <<<"$units"
}

check_containerd_start() {
  local other
  [[ ! -e $KUBELET_CONF ]] || return 0
  other=$(overriding_containerd)
  [[ -z $other ]] || find_wrong "containerd to start as its package starts it, with the configuration of the stack" "$other" \
    "take ExecStart out of ${other##* in }; systemctl daemon-reload"
}

check_kubelet_arguments() {
  local others
  [[ ! -e $KUBELET_CONF ]] || return 0
  others=$(overriding_arguments)
  [[ -z $others ]] || find_wrong "no start of the kubelet that overrides the arguments of the stack" "$others" \
    "take each out of its file: KUBELET_EXTRA_ARGS, Environment, ExecStart; systemctl daemon-reload"
}
