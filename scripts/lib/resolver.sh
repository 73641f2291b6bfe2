# shellcheck shell=bash
# The file of name servers for pods that use the DNS of their machine, such as CoreDNS.
# Needs: RESOLVER_CONFIGURATION

RESOLVED_CONFIGURATION=/run/systemd/resolve/resolv.conf

# resolver_configuration: the path of the file. kubeadm names the one of systemd-resolved where that runs:
# cmd/kubeadm/app/componentconfigs/kubelet_unix.go of Kubernetes, mutateResolverConfig; up to 1.30 in kubelet.go.
resolver_configuration() {
  local own=${RESOLVER_CONFIGURATION:-} # a step of an older version has none
  if [[ -n $own ]]; then
    printf '%s' "$own"
  elif systemctl --quiet is-active systemd-resolved; then
    printf '%s' "$RESOLVED_CONFIGURATION"
  else
    printf '%s' /etc/resolv.conf
  fi
}

is_named_by_stack() { [[ $1 == "${RESOLVER_CONFIGURATION:-}" ]]; }

is_of_resolved() { [[ $1 == "$RESOLVED_CONFIGURATION" ]]; }
