# shellcheck shell=bash
# Certificates are renewed when the stack asks for another generation of them. Returns the day on which each one expires.

GENERATION_MARK=$STATE/certificate-generation

# Static pods read their certificates when they start.
renew_certificates() {
  local before component
  before=$(api_server)
  kubeadm certs renew all >"$STAGING/renew" 2>&1 ||
    fail "kubeadm certs renew all to succeed" "$(tail -n 10 "$STAGING/renew")" "kubeadm certs check-expiration"
  for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    crictl ps --quiet --name "^$component\$" | xargs --no-run-if-empty crictl stop >/dev/null
  done
  wait_for 180 "the API server to restart with its new certificate" "crictl ps -a; journalctl -u kubelet -n 50" api_server_is_another "$before"
  changed "certificates are renewed"
}

if [[ $(<"$GENERATION_MARK") != "$CERTIFICATE_GENERATION" ]]; then
  renew_certificates
  printf '%s' "$CERTIFICATE_GENERATION" >"$GENERATION_MARK"
fi

expiry() { date --utc --date "$(openssl x509 -noout -enddate | cut --delimiter = --fields 2)" +%F; }
for certificate in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt; do
  name=${certificate#/etc/kubernetes/pki/}
  printf 'certificate %s %s\n' "${name%.crt}" "$(expiry <"$certificate")"
done
for kubeconfig in admin controller-manager scheduler; do
  printf 'certificate %s.conf %s\n' "$kubeconfig" \
    "$(sed --quiet 's/^ *client-certificate-data: //p' "/etc/kubernetes/$kubeconfig.conf" | base64 --decode | expiry)"
done
