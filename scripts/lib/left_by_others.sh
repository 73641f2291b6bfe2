# shellcheck shell=bash
# Leftovers of others on a machine, and settings that make a node differ from the stack: findings of parts/prepare/machine.sh.
# Needs: lib/cni.sh lib/kubeadm.sh lib/kubelet_arguments.sh
. "$LIBRARY/lib/cni.sh"
. "$LIBRARY/lib/kubelet_arguments.sh"

check_pod_networks() {
  local others
  [[ ! -e $KUBELET_CONF ]] && ! is_marked "$PREPARED_MARK" || return 0
  others=$(other_pod_networks | paste --serial --delimiters ' ')
  [[ -z $others ]] || find_wrong "no pod network in $CNI but Calico, which the cluster gets" "$others" \
    "rm $others, of a cluster that was there before; a container engine that needs its own: move it to another directory"
}

check_units() {
  local unit
  [[ ! -e $KUBELET_CONF ]] || return 0
  for unit in {/etc,/usr/local/lib}/systemd/system/{containerd,kubelet}.service; do
    # A unit that is masked is a link, too.
    [[ ! -e $unit && ! -L $unit ]] ||
      find_wrong "the unit ${unit##*/} of its package" "$unit, which takes its place" \
        "rm $unit; systemctl daemon-reload; its programs may be in /usr/local/bin"
  done
}

check_kubelet_arguments() {
  local others
  [[ ! -e $KUBELET_CONF ]] || return 0
  others=$(overriding_arguments)
  [[ -z $others ]] || find_wrong "no arguments in $KUBELET_DEFAULTS that override those of the stack" "${others//$'\n'/ }" \
    "take them out of KUBELET_EXTRA_ARGS in $KUBELET_DEFAULTS"
}
