# shellcheck shell=bash
# The host is a Ready node of the cluster, in the version and with the settings of the stack, as a worker or as a further
# control plane.
# Needs: ROLE; lib/containerd.sh lib/joining.sh lib/kubeadm.sh lib/kubelet.sh lib/written.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubelet.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/written.sh"
. "$LIBRARY/lib/endpoint.sh"
. "$LIBRARY/lib/name_servers.sh"
. "$LIBRARY/lib/joining.sh"

containerd_serves
put_back_kubelet_configuration
of_this_cluster ||
  fail "a machine that is not in another cluster" "the CA of another cluster in $PKI/ca.crt" \
    "docs/how-to/foreign-machine.md"
# A step of an older version has no role: it is a worker's.
if [[ ${ROLE:-worker} == control-plane ]]; then
  . "$LIBRARY/parts/join/control_plane.sh"
else
  . "$LIBRARY/parts/join/worker.sh"
fi
keep_written
step_is_done
