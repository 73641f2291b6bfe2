# shellcheck shell=bash
# The membership of a node, on a control plane that is not the node. Returns an invitation, sealed, as long as the node is not
# Ready: a fresh token, and for a control plane the key of the certificates and the address of this machine. Otherwise it
# returns nothing. A worker of another version is drained, so that its machine can upgrade it. The node of a machine that is
# gone leaves the cluster.
# Needs: IS_GONE NODE_NAME NODE_ROLE RESULT_IS_PLAIN; lib/kubeadm.sh lib/results.sh lib/static_pods.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/etcd.sh"
. "$LIBRARY/lib/endpoints.sh"
. "$LIBRARY/lib/join_token.sh"
. "$LIBRARY/lib/results.sh"

export KUBECONFIG=$ADMIN_CONF
end_half_done
rm -f "/run/pulumi-kubeadm/leaving/$NODE_NAME" # it may have been announced before its line was written back

if [[ $IS_GONE == true ]]; then
  . "$LIBRARY/parts/membership/leave.sh"
elif [[ $NODE_ROLE == control-plane ]]; then
  . "$LIBRARY/parts/membership/control_plane.sh"
else
  . "$LIBRARY/parts/membership/worker.sh"
fi
# `make repair` reads the result by a connection of its own, which repeats nothing, and asks for plain text: the last update
# may be of a version that put no certificate here.
if [[ ! -e $STAGING/invitation ]]; then
  : # of a member
elif [[ ${RESULT_IS_PLAIN:-false} == true ]]; then
  cat "$STAGING/invitation"
else
  return_secret "$STAGING/invitation"
fi
step_is_done
