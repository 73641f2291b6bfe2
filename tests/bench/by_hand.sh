#!/usr/bin/env bash
# The cluster of tests/bench/first_up.py, made by hand with SSH and kubectl: all hosts at once, and no checks. `pulumi up` is
# compared with this script. The caller sets:
#   CONTROL_PLANE WORKERS        addresses
#   SSH_OPTIONS                  key and known hosts
#   FILES                        a directory: init.yaml, calico.yaml, add-ons.yaml, config.toml, hosts.toml, hosts, ca.crt, mirror.asc
#   KUBERNETES REGISTRY PACKAGES CONTAINERD_PACKAGES IMAGES KUBECTL IGNORED_PREFLIGHT_ERRORS
set -euo pipefail

read -ra options <<<"$SSH_OPTIONS"
on() { ssh "${options[@]}" "debian@$1" sudo bash -euo pipefail -s; }

prepare() {
  local address=$1
  tar --create --directory "$FILES" config.toml hosts.toml hosts ca.crt mirror.asc |
    ssh "${options[@]}" "debian@$address" sudo tar --extract --no-same-owner --directory /var/tmp
  on "$address" <<SCRIPT
name=\$(awk -v address=$address '\$1 == address {print \$2}' /var/tmp/hosts)
hostnamectl set-hostname "\$name"
cat /var/tmp/hosts >>/etc/hosts
printf 'overlay\nbr_netfilter\n' >/etc/modules-load.d/k8s.conf
printf 'net.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\nnet.ipv4.ip_forward = 1\nvm.swappiness = 0\n' >/etc/sysctl.d/k8s.conf
sysctl --quiet --load /etc/sysctl.d/k8s.conf
swapoff --all
mkdir -p /etc/apt/keyrings /etc/containerd/certs.d/$REGISTRY
cp /var/tmp/mirror.asc /etc/apt/keyrings/
echo "deb [signed-by=/etc/apt/keyrings/mirror.asc] $PACKAGES /" >/etc/apt/sources.list.d/kubernetes.list
echo "deb [signed-by=/etc/apt/keyrings/mirror.asc] $CONTAINERD_PACKAGES /" >/etc/apt/sources.list.d/containerd.list
apt-get -qq update >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends containerd.io kubeadm=$KUBERNETES-* kubelet=$KUBERNETES-* kubectl=$KUBERNETES-* >/dev/null
apt-mark hold kubeadm kubelet kubectl >/dev/null
cp /var/tmp/config.toml /etc/containerd/config.toml
cp /var/tmp/ca.crt /var/tmp/hosts.toml /etc/containerd/certs.d/$REGISTRY/
printf 'runtime-endpoint: unix:///run/containerd/containerd.sock\n' >/etc/crictl.yaml
systemctl restart containerd
until crictl info >/dev/null 2>&1; do sleep 0.2; done
printf '%s\n' $IMAGES | xargs --max-procs 8 --max-args 1 crictl pull >/dev/null
systemctl --quiet enable kubelet
SCRIPT
}

for address in $CONTROL_PLANE $WORKERS; do
  prepare "$address" &
done
wait

ssh "${options[@]}" "debian@$CONTROL_PLANE" sudo tee /var/tmp/init.yaml <"$FILES/init.yaml" >/dev/null
on "$CONTROL_PLANE" >/dev/null <<SCRIPT
kubeadm config images list --config /var/tmp/init.yaml 2>/dev/null | xargs --max-procs 8 --max-args 1 crictl pull
kubeadm init --config /var/tmp/init.yaml --ignore-preflight-errors="$IGNORED_PREFLIGHT_ERRORS"
SCRIPT
ssh "${options[@]}" "debian@$CONTROL_PLANE" sudo cat /etc/kubernetes/admin.conf >"$FILES/admin.conf"
export KUBECONFIG=$FILES/admin.conf
"$KUBECTL" apply --server-side --filename "$FILES/calico.yaml" >/dev/null

join=$(on "$CONTROL_PLANE" <<<"kubeadm token create --print-join-command")
for address in $WORKERS; do
  on "$address" <<<"$join --ignore-preflight-errors='$IGNORED_PREFLIGHT_ERRORS'" >/dev/null &
done
wait
"$KUBECTL" apply --server-side --filename "$FILES/add-ons.yaml" >/dev/null
"$KUBECTL" create serviceaccount admin-user --namespace kubernetes-dashboard >/dev/null
"$KUBECTL" create clusterrolebinding admin-user --clusterrole cluster-admin --serviceaccount kubernetes-dashboard:admin-user >/dev/null
"$KUBECTL" wait nodes --all --for condition=Ready --timeout 300s >/dev/null
"$KUBECTL" get certificatesigningrequests --output name | xargs "$KUBECTL" certificate approve >/dev/null
"$KUBECTL" --namespace kube-system rollout status daemonset/calico-node --timeout 300s >/dev/null
"$KUBECTL" wait deployments --all-namespaces --all --for condition=Available --timeout 300s >/dev/null
