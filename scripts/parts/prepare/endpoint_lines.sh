# shellcheck shell=bash
# Changes nothing: refuses lines of others in /etc/hosts that give the name of the API another address than the stack. A
# cluster that was made by kubeadm's documentation has such a line, and a worker would follow it past its load balancer.
# Needs: API_HOST; lib/hosts_file.sh

. "$LIBRARY/lib/hosts_file.sh"

others=
if [[ -n $API_HOST ]]; then others=$(other_endpoints "$API_HOST" "$STAGING/files/etc/hosts"); fi
[[ -z $others ]] ||
  fail "$API_HOST, by which nodes find the API, in no line of /etc/hosts but that of the stack" "$others" \
    "take the line out of /etc/hosts on $HOST_NAME; then pulumi up"
