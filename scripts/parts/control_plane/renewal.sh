# shellcheck shell=bash
# Certificates are renewed when the stack asks for another generation of them. Nothing here needs the API, because an API
# server with expired certificates does not answer.
# Needs: CERTIFICATE_GENERATION NODE_IP; lib/clients.sh lib/etcd.sh lib/kubeadm.sh lib/nodes.sh lib/static_pods.sh
#   lib/unsynced.sh

KUBELET_CERTIFICATE=/var/lib/kubelet/pki/kubelet-client-current.pem

# The kubelet renews its own certificate in time, unless the API did not answer for months.
renew_expired_kubelet_certificate() {
  if openssl x509 -noout -checkend 0 -in "$KUBELET_CERTIFICATE" >/dev/null; then return; fi
  rm -f "$KUBELET_CONF" /var/lib/kubelet/pki/kubelet-client-*
  run_kubeadm "kubeadm init phase kubeconfig kubelet --config $KUBEADM_CONFIG" \
    init phase kubeconfig kubelet --config "$KUBEADM_CONFIG"
  changed "the expired certificate of the kubelet is replaced"
}

# says_expired: whether the certificate on standard input has expired. A certificate that cannot be read has not.
says_expired() {
  local answer
  answer=$(openssl x509 -noout -checkend 0) || : # the status is the same for both
  [[ $answer == *"will expire"* ]]
}

# has_expired: whether a certificate of this machine has expired.
has_expired() {
  local file
  for file in "$PKI"/*.crt "$PKI"/etcd/*.crt "$KUBELET_CERTIFICATE"; do
    ! says_expired <"$file" || return 0
  done
  for file in admin controller-manager scheduler; do
    ! sed --quiet 's/^ *client-certificate-data: //p' "/etc/kubernetes/$file.conf" | base64 --decode | says_expired ||
      return 0
  done
  return 1
}

# answers: whether this API server answers, or etcd beside it, whose certificates have the same age.
answers() { api_is_ready || hears_majority; }

# Static pods read their certificates when they start.
renew_certificates() {
  local before component
  if comes_true "$ANSWER_SECONDS" answers; then
    wait_for_others "$NODE_IP"
    lead_elsewhere "$NODE_IP"
    divert_clients
  else
    # Certificates of one age: the other control planes do not answer either, and nothing is to be spared. Where none has
    # expired, the silence has another reason, and the majority may go with this member of etcd.
    has_expired || fail "the API server, or etcd beside it, to answer, whose certificates have not expired" \
      "silence for $ANSWER_SECONDS s" \
      "crictl ps -a; journalctl -u kubelet -n 50; one of several control planes: docs/how-to/renew-certificates.md"
  fi
  before=$(container_of kube-apiserver)
  keep_unsynced
  run_kubeadm "kubeadm certs check-expiration" certs renew all
  renew_expired_kubelet_certificate
  # After several failed starts of the API server the kubelet waits for minutes before the next start: its own restart ends
  # this wait.
  api_is_ready &>/dev/null || systemctl restart kubelet
  for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    crictl ps --quiet --name "^$component\$" | xargs --no-run-if-empty crictl stop --timeout "$GRACE_SECONDS" >/dev/null
  done
  # This member of etcd hears no majority if the certificates of the other members have expired.
  wait_for 180 "the API server to restart with its new certificate" \
    "crictl ps -a; journalctl -u kubelet -n 50; one of several control planes: docs/how-to/renew-certificates.md" \
    is_another kube-apiserver "$before"
  let_clients_in
  changed "certificates are renewed"
}

if [[ $(mark "$CERTIFICATE_GENERATION_MARK") != "$CERTIFICATE_GENERATION" ]]; then
  renew_certificates
  sync_kubeadm_files
  drop "$UNSYNCED_BEFORE"
  remember "$CERTIFICATE_GENERATION_MARK" "$CERTIFICATE_GENERATION"
fi
