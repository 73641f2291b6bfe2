# shellcheck shell=bash
# The machine is a prepared host: everything but the cluster is there. The order of the parts is the order of the guide.
# Returns the machine-id, which clones share.
. "$LIBRARY/lib/lib.sh"

for part in machine owner leftovers host_names kernel swap systemd repositories containerd kubernetes; do
  # shellcheck source=/dev/null
  . "$LIBRARY/parts/prepare/$part.sh"
done
cat /etc/machine-id
step_is_done
