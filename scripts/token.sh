# shellcheck shell=bash
# Returns a kubeconfig with a fresh join token for one worker: server, CA and token, all that `discovery.file` needs.
. "$LIBRARY/lib.sh"

JOIN_TOKEN_TTL=15m
export KUBECONFIG=/etc/kubernetes/admin.conf

token=$(kubeadm token create --ttl "$JOIN_TOKEN_TTL" --description "join of $WORKER_NAME" 2>"$STAGING/kubeadm") ||
  fail "a join token" "$(<"$STAGING/kubeadm")" "kubeadm token create"
server=$(kubectl config view --minify --output jsonpath='{.clusters[0].cluster.server}')
cat <<KUBECONFIG
apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster:
    server: $server
    certificate-authority-data: $(base64 --wrap 0 /etc/kubernetes/pki/ca.crt)
users:
- name: joining-node
  user:
    token: $token
contexts:
- name: join
  context:
    cluster: cluster
    user: joining-node
current-context: join
KUBECONFIG
