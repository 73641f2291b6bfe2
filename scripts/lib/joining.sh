# shellcheck shell=bash
# What a worker and a further control plane have in common when they join.
# Needs: API_SERVER IGNORE_PREFLIGHT_ERRORS KUBERNETES_VERSION; lib/kubeadm.sh lib/name_servers.sh lib/written.sh

CLOCK_TOLERANCE_SECONDS=60

staged_authority=$STAGING/files$JOIN_AUTHORITY
# The lines that `membership` returned; none for a host that is a member.
# shellcheck disable=SC2153 # lib/kubeadm.sh sets INVITATION
mapfile -t invitation <"$STAGING/files$INVITATION"
# The key of the certificates and the address of the sponsor are for a control plane.
# shellcheck disable=SC2034 # those who source this file read the names
{
  INVITED_TOKEN=${invitation[0]:-}
  INVITED_KEY=${invitation[1]:-}
  SPONSOR_ADDRESS=${invitation[2]:-}
}

# of_this_cluster: the machine has no authority, or that of this cluster. The file of an interrupted join may be incomplete,
# and is not compared.
of_this_cluster() {
  [[ ! -f $PKI/ca.crt ]] || is_marked "$JOIN_STARTED_MARK" || cmp --silent "$PKI/ca.crt" "$staged_authority"
}

# check_clock: with a wrong clock certificates are invalid, and kubeadm says only that it does not trust the server.
check_clock() {
  local there clock_there seconds
  # --insecure: by this clock the server's certificate may not be valid yet. check_token reports a server that does not answer.
  there=$(curl_directly --silent --insecure --head --max-time 20 "$API_SERVER/livez" |
    sed --quiet --regexp-extended 's/^date: (.*[^\r])\r?$/\1/Ip') || return 0
  [[ -n $there ]] || return 0
  clock_there=$(date --date "$there" +%s)
  printf -v seconds '%(%s)T' -1
  seconds=$((seconds - clock_there))
  ((${seconds#-} <= CLOCK_TOLERANCE_SECONDS)) ||
    fail "a clock within $CLOCK_TOLERANCE_SECONDS s of the control plane's" \
      "$seconds s of difference: here $(date --utc), there $there" \
      "on $HOST_NAME: timedatectl set-ntp true; timedatectl; then pulumi up"
}

# with_token METHOD PATH: HTTP status of a request with the join token; the body of the answer is in $STAGING/answer.
with_token() {
  printf 'Authorization: Bearer %s\n' "$INVITED_TOKEN" >"$STAGING/header"
  curl_directly --silent --show-error --max-time 20 --output "$STAGING/answer" --write-out '%{http_code}' --request "$1" \
    --cacert "$staged_authority" --header "@$STAGING/header" "$API_SERVER$2" 2>"$STAGING/curl"
}

# check_token: kubeadm would report an expired token only after it waited five minutes for the kubelet.
check_token() {
  local status
  status=$(with_token GET /api) ||
    fail "the API server at $API_SERVER to answer" "$(<"$STAGING/curl")" \
      "curl --insecure $API_SERVER/livez; open the port between the hosts"
  # 403: a request without a token.
  [[ $status != 401 && $status != 403 ]] ||
    fail "a valid join token" \
      "HTTP status $status: the token expired or was deleted, or none was made because the node was Ready" "pulumi up; \
if the machine was made anew: set gone: true for $HOST_NAME in the stack file, pulumi up; delete the line, pulumi up"
}

# resolver_of_cluster: the file of name servers that the KubeletConfiguration of the cluster names. It is nothing if the
# configuration names none, or if each node has a file of its own, which kubeadm chooses from 1.31 on (kubernetes/kubernetes
# 124038). It is also nothing without an answer: kubeadm join reads the same ConfigMap, and ends with the reason if it gets
# none.
resolver_of_cluster() {
  local status
  status=$(with_token GET /api/v1/namespaces/kube-system/configmaps/kubelet-config) && [[ $status == 200 ]] || return 0
  if grep --quiet '\\nresolvConf:' "$STAGING/answer"; then
    sed --quiet --regexp-extended 's/.*\\nresolvConf: (\\")?([^" \\]+).*/\2/p' "$STAGING/answer"
  elif dpkg --compare-versions "$KUBERNETES_VERSION" lt 1.31; then
    printf '%s' /etc/resolv.conf
  fi
}

# check_name_servers_of_cluster: end the step if this file is missing, or names a loop-back address: without the file no pod
# starts on the node, and with the stub of systemd-resolved CoreDNS asks itself.
check_name_servers_of_cluster() {
  local file seen='no such file'
  file=$(resolver_of_cluster)
  [[ -n $file ]] || return 0
  if [[ -e $file ]]; then
    seen=$(loop_back_name_servers "$file")
    [[ -n $seen ]] || return 0
    seen+=', which in a pod is the pod itself'
  fi
  fail "name servers for pods in $file, which all nodes of this cluster use" "$seen" \
    "name a file that each host has, with name servers that pods reach, in the stack file: resolvConf of \
cluster.kubeletConfiguration; then pulumi up. From Kubernetes 1.31 on each node has a file of its own"
}

# write_discovery: write the kubeconfig of a bootstrap token, by which kubeadm finds and trusts the cluster.
write_discovery() {
  local authority
  authority=$(base64 --wrap 0 "$staged_authority")
  install -D --mode 0600 /dev/stdin "$DISCOVERY" <<KUBECONFIG
apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster:
    server: $API_SERVER
    certificate-authority-data: $authority
users:
- name: joining-node
  user:
    token: $INVITED_TOKEN
contexts:
- name: join
  context:
    cluster: cluster
    user: joining-node
current-context: join
KUBECONFIG
}

# delete_token: have the join token delete itself after its use. 401 and 404: the token is gone.
delete_token() {
  local status
  [[ -n $INVITED_TOKEN ]] || return 0
  status=$(with_token DELETE "/api/v1/namespaces/kube-system/secrets/bootstrap-token-${INVITED_TOKEN%%.*}") || return 1
  [[ $status =~ ^(200|401|404)$ ]]
}

# join_with CONFIGURATION: run kubeadm join. kubeadm's own checks run before anything is changed.
join_with() {
  check_name_servers_of_cluster
  write_discovery
  check_before join "$IGNORE_PREFLIGHT_ERRORS" "$1"
  forget_written "${WRITTEN_FILES[@]}"
  remember "$JOIN_STARTED_MARK" yes
  run_kubeadm "journalctl -u kubelet -n 50; pulumi up" join --config "$1" --skip-phases=preflight
  changed "kubeadm join is done"
}

# end_join: remove what the join needed, or what an interrupted join left.
end_join() {
  sync_kubeadm_files
  rm -f "$DISCOVERY"
  forget "$JOIN_STARTED_MARK"
  comes_true 20 delete_token || changed "the join token is not deleted: it expires 15 minutes after it was made"
}
