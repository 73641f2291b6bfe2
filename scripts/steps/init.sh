# shellcheck shell=bash
# The host is the control plane of a running cluster, in the version and with the settings of the stack. The API is ready, the
# objects that kubeadm makes exist, and the node is registered; then, last, the mark `initialized` is written. admin.conf proves
# nothing: kubeadm writes it early.
# Needs: IGNORE_PREFLIGHT_ERRORS RESET_ON_FAILURE; lib/api_server.sh lib/containerd.sh lib/control_plane.sh lib/encryption.sh
#   lib/kubeadm.sh lib/restore.sh lib/written.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubelet.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/written.sh"
. "$LIBRARY/lib/endpoint.sh"
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/kube_proxies.sh"
. "$LIBRARY/lib/patches.sh"
. "$LIBRARY/lib/api_server.sh"
. "$LIBRARY/lib/unsynced.sh"
. "$LIBRARY/lib/restore.sh"
. "$LIBRARY/lib/etcd.sh"
. "$LIBRARY/lib/backup.sh"
. "$LIBRARY/lib/bundle.sh"
. "$LIBRARY/lib/vip.sh"
. "$LIBRARY/lib/clients.sh"
. "$LIBRARY/lib/encryption.sh"
. "$LIBRARY/lib/control_plane.sh"

export KUBECONFIG=$ADMIN_CONF

reset_half_done() {
  [[ $RESET_ON_FAILURE == true ]] ||
    fail "an init that went to its end, or none" "an init of this stack that was cut short" \
      "on $HOST_NAME: sudo sh -c '$RESET'; or set policy.resetOnFailure in the stack file; then pulumi up"
  undo_kubeadm
  # /var/lib/etcd may be a mount point: its content goes, the directory stays.
  rm -rf /etc/cni/net.d /var/lib/etcd/*
  forget "$INIT_STARTED_MARK"
  changed "the half-done init is reset"
  containerd_begins_anew
}

run_init() {
  check_before init "$IGNORE_PREFLIGHT_ERRORS"
  refuse_bundle_without_keys
  remember_values
  put_policies
  begin_encryption
  forget_written "${WRITTEN_FILES[@]}"
  remember "$INIT_STARTED_MARK" yes
  if [[ -d $RESTORE ]]; then restore_data; fi
  run_kubeadm "journalctl -u kubelet -n 50; crictl ps -a; then on $HOST_NAME: sudo sh -c '$RESET'; pulumi up" \
    init --config "$KUBEADM_CONFIG" --skip-phases=preflight --skip-token-print
  if [[ -d $RESTORE ]]; then
    sync_kubeadm_files # from here on nothing begins with the bundle again
    : >"$RESTORE/initialized"
  fi
  changed "kubeadm init is done"
}

containerd_serves
# shellcheck disable=SC2153 # run.sh sets MODE
if [[ $MODE == verify ]] && ! is_marked "$INITIALIZED_MARK"; then
  # An update has made this cluster. If the cluster runs, only its mark was lost. If it does not, nothing is initialised or
  # reset.
  { [[ -f $KUBECONFIG ]] && comes_true 60 has_all_of_kubeadm; } ||
    fail "the control plane that this stack made" "a machine without $STATE/$INITIALIZED_MARK, and no cluster that answers" \
      "crictl ps --all; journalctl -u kubelet -n 50; where its data are lost, beside other control planes: \
docs/how-to/lost-etcd-data.md; the only one: docs/how-to/lost-control-plane.md"
  restore_marks
elif ! is_marked "$INITIALIZED_MARK"; then
  # A restored cluster has all objects even if kubeadm's init was interrupted, so there the file `initialized` decides. With it
  # nothing is reset: others may have written since, and only this etcd has that.
  if is_marked "$INIT_STARTED_MARK" && [[ ! -e $RESTORE/initialized || ! -f $KUBECONFIG ]]; then
    # After a reboot the API of a complete cluster does not answer at once.
    if [[ -f $KUBECONFIG && ! -d $RESTORE ]] && comes_true 240 cluster_is_complete; then
      restore_marks
    else
      reset_half_done
    fi
  fi
  is_marked "$INIT_STARTED_MARK" || run_init
fi
keep_control_plane
if [[ -d $RESTORE ]]; then finish_restore; fi
keep_written
step_is_done
