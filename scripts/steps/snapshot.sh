# shellcheck shell=bash
# Saves etcd in a new bundle and deletes the oldest ones. Returns the path of the bundle, and below it `behind` if the member
# has no majority. Does nothing on a machine that is no control plane yet. The timer and `make snapshot` run this step.
# Needs: lib/bundle.sh lib/kubeadm.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/nodes.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/static_pods.sh"
. "$LIBRARY/lib/etcd.sh"
. "$LIBRARY/lib/api_server.sh"
. "$LIBRARY/lib/backup.sh"
. "$LIBRARY/lib/bundle.sh"

export KUBECONFIG=$ADMIN_CONF
if is_marked "$INITIALIZED_MARK"; then
  make_bundle ""
  printf '%s\n' "$BUNDLE"
  if [[ $BEHIND == true ]]; then printf 'behind\n'; fi
elif [[ -e $MANIFESTS/etcd.yaml ]]; then
  fail "the mark $STATE/$INITIALIZED_MARK, of a control plane that is whole" "none beside an etcd, which is not saved" \
    "make repair STACK=... HOST=$HOST_NAME; then again"
fi
step_is_done
