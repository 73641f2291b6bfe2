# shellcheck shell=bash
# Returns the day on which each certificate of the control plane expires.
# Needs: lib/certificates.sh lib/kubeadm.sh
. "$LIBRARY/lib/certificates.sh"

for certificate in "$PKI"/*.crt "$PKI"/etcd/*.crt; do
  name=${certificate#"$PKI/"}
  day=$(expiry <"$certificate")
  printf 'certificate %s %s\n' "${name%.crt}" "$day"
done
for kubeconfig in admin controller-manager scheduler; do
  day=$(kubeconfig_expiry "/etc/kubernetes/$kubeconfig.conf")
  printf 'certificate %s.conf %s\n' "$kubeconfig" "$day"
done
