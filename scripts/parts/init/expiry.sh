# shellcheck shell=bash
# Returns the day on which each certificate of the control plane expires.
# Needs: lib/certificates.sh lib/kubeadm.sh
. "$LIBRARY/lib/certificates.sh"

for certificate in "$PKI"/*.crt "$PKI"/etcd/*.crt; do
  name=${certificate#"$PKI/"}
  printf 'certificate %s %s\n' "${name%.crt}" "$(expiry <"$certificate")"
done
for kubeconfig in admin controller-manager scheduler; do
  printf 'certificate %s.conf %s\n' "$kubeconfig" "$(kubeconfig_expiry "/etc/kubernetes/$kubeconfig.conf")"
done
