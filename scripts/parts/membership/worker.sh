# shellcheck shell=bash
# The node of a worker: its taints, its drain before an upgrade, and a token if it has to join.
# Needs: KUBERNETES_VERSION NODE_NAME TAINTS; lib/join_token.sh lib/nodes.sh

taints_mark=$(worker_taints_mark "$NODE_NAME")
condition=
find_node "$NODE_NAME"
if [[ -n $NODE ]]; then
  apply_taints "$NODE_NAME" "$TAINTS" "$taints_mark"
  ask "the API server to say which version node $NODE_NAME has" node_version "$NODE_NAME"
  if [[ $ANSWER != "v$KUBERNETES_VERSION" ]]; then
    drain "$NODE_NAME" "remove what keeps these pods on the node, or raise policy.drainTimeoutSeconds; then pulumi up"
  fi
  ask "the API server to say whether node $NODE_NAME is Ready" node_condition "$NODE_NAME"
  condition=$ANSWER
else
  remember "$taints_mark" "$TAINTS" # the kubelet registers with them
fi
if [[ $condition != True ]]; then
  make_token
  printf '%s\n' "$TOKEN" >"$STAGING/invitation"
fi
