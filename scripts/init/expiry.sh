# shellcheck shell=bash
# Returns the day on which each certificate of the control plane expires.

expiry() { date --utc --date "$(openssl x509 -noout -enddate | cut --delimiter = --fields 2)" +%F; }
for certificate in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt; do
  name=${certificate#/etc/kubernetes/pki/}
  printf 'certificate %s %s\n' "${name%.crt}" "$(expiry <"$certificate")"
done
for kubeconfig in admin controller-manager scheduler; do
  printf 'certificate %s.conf %s\n' "$kubeconfig" \
    "$(sed --quiet 's/^ *client-certificate-data: //p' "/etc/kubernetes/$kubeconfig.conf" | base64 --decode | expiry)"
done
