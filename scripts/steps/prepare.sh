# shellcheck shell=bash
# The machine is a prepared host: everything but the cluster is there. The order of the parts is the order of the guide, but for
# the names of hosts: the name of the API leads to the load balancer when that runs, and containerd tells which kube-proxy has
# to follow it.
# Returns the machine-id, which clones share.
. "$LIBRARY/lib/lib.sh"

for part in first_boot machine endpoint_lines owner leftovers programs kernel swap systemd network_manager repositories \
  load_balancer vip containerd host_names kubernetes backup results serving_certificates; do
  # shellcheck source=/dev/null
  . "$LIBRARY/parts/prepare/$part.sh"
done
cat /etc/machine-id
step_is_done
