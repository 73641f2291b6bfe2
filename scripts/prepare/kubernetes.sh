# shellcheck shell=bash
# kubeadm, kubelet and kubectl are there in the stack's version, held, and so is kubeadm's configuration.

KUBERNETES_PACKAGES=(kubeadm kubelet kubectl)

# A package that was removed but not purged still has a version.
installed_version() { dpkg-query --show --showformat '${db:Status-Status} ${Version}' "$1" 2>/dev/null | sed --quiet 's/^installed //p'; }
wanted_is_installed() {
  local package
  for package in "${KUBERNETES_PACKAGES[@]}"; do
    [[ $(installed_version "$package") == "$KUBERNETES_VERSION"-* ]] || return 1
  done
}

if ! wanted_is_installed; then
  # A cluster that runs is not upgraded by preparing its host.
  if [[ -e /etc/kubernetes/kubelet.conf ]]; then
    fail "packages of Kubernetes $KUBERNETES_VERSION" "$(installed_version kubelet) on a node of a running cluster" \
      "set cluster.kubernetesVersion back: this version of the tool does not upgrade a running cluster"
  fi
  for package in "${KUBERNETES_PACKAGES[@]}"; do
    # Not `grep --quiet`: it ends at the first match, and apt-cache of a broken pipe.
    apt-cache madison "$package" | grep " $KUBERNETES_VERSION-" >/dev/null ||
      fail "package $package $KUBERNETES_VERSION in the package repository" \
        "$(apt-cache madison "$package" | awk '{print $3}' | head -n 5 | paste --serial --delimiters ' ')" \
        "mend cluster.kubernetesVersion or packages.repository.url in the stack file"
  done
  apt_get install --no-install-recommends --allow-change-held-packages --allow-downgrades \
    "${KUBERNETES_PACKAGES[@]/%/=$KUBERNETES_VERSION-*}"
  changed "Kubernetes $KUBERNETES_VERSION is installed"
fi
for package in "${KUBERNETES_PACKAGES[@]}"; do
  if ! apt-mark showhold | grep --line-regexp "$package" >/dev/null; then
    apt-mark hold "$package" >/dev/null
    changed "$package is held"
  fi
done
wanted_is_installed || fail "packages of Kubernetes $KUBERNETES_VERSION" "kubelet $(installed_version kubelet)" "apt-cache policy kubelet"

put /etc/kubernetes/kubeadm/config.yaml || true # false only says that nothing changed
systemctl --quiet enable kubelet
touch "$STATE/prepared"
