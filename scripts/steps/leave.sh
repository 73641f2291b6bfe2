# shellcheck shell=bash
# The node is out of the cluster. This machine is a control plane of the cluster.
# Needs: WORKER_NAME; lib/kubeadm.sh lib/static_pods.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/etcd.sh"
. "$LIBRARY/lib/endpoints.sh"

export KUBECONFIG=$ADMIN_CONF
# 0.2.0 recorded memberships of workers only, with the variable WORKER_NAME. A state may still have them.
if [[ -n ${WORKER_NAME:-} ]]; then
  NODE_NAME=$WORKER_NAME NODE_ROLE=worker NODE_IP='' IS_GONE=false
fi
# An update announces the hosts that leave its stack. An announcement holds for two days, which are enough for the drains of
# other hosts before. A destroy of a part of the stack announces nothing. A restart of this machine loses announcements, which
# the next update makes again.
announced=$(find /run/pulumi-kubeadm/leaving -name "$NODE_NAME" -mtime -2 2>/dev/null) || true # no directory is no announcement
# shellcheck disable=SC2153 # run.sh sets MODE
if [[ $MODE == delete && -z $announced ]]; then
  fail "an update of a stack that $NODE_NAME has left" \
    "a deletion that no update announced since this machine started, as by a destroy of a part" \
    "pulumi up, which announces a host that left, and writes anew what is deleted of another; docs/how-to/pulumi-options.md"
fi
end_half_done
. "$LIBRARY/parts/membership/leave.sh"
step_is_done
