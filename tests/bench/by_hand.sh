#!/usr/bin/env bash
# The cluster of tests/bench/first_up.py, made by hand with SSH and kubectl, and no checks. `pulumi up` is compared with this
# script. The caller sets:
#   CONTROL_PLANE FURTHER WORKERS  addresses; those of FURTHER are control planes beside the first, or there are none
#   AT_ONCE                      true: all hosts at once, but for further control planes; false: one after the other
#   API_HOST                     name of the API in /etc/hosts
#   SSH_OPTIONS                  key and known hosts
#   FILES                        a directory: init.yaml, calico.yaml, add-ons.yaml, config.toml, hosts.toml, ca.crt, mirror.asc, a
#                                file hosts-ADDRESS for each address, and perhaps haproxy.cfg and haproxy.service of workers
#   KUBERNETES REGISTRY PACKAGES CONTAINERD_PACKAGES IMAGES KUBECTL IGNORED_PREFLIGHT_ERRORS
set -euo pipefail

read -ra options <<<"$SSH_OPTIONS"
on() { ssh "${options[@]}" "debian@$1" sudo bash -euo pipefail -s; }

# each COMMAND ADDRESS...: run the command for each address.
each() {
  local command=$1 address
  shift
  for address; do
    if [[ $AT_ONCE == true ]]; then "$command" "$address" & else "$command" "$address"; fi
  done
  wait
}

prepare() {
  local address=$1
  tar --create --directory "$FILES" . | ssh "${options[@]}" "debian@$address" sudo tar --extract --no-same-owner --no-overwrite-dir --directory /var/tmp
  on "$address" <<SCRIPT
name=\$(awk -v address=$address '\$1 == address {print \$2; exit}' /var/tmp/hosts-$address)
hostnamectl set-hostname "\$name"
cat /var/tmp/hosts-$address >>/etc/hosts
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

balance() {
  on "$1" <<SCRIPT
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends haproxy >/dev/null
systemctl --quiet disable --now haproxy
cp /var/tmp/haproxy.cfg /etc/haproxy/kubernetes-api.cfg
cp /var/tmp/haproxy.service /etc/systemd/system/kubernetes-api-haproxy.service
systemctl --quiet enable --now kubernetes-api-haproxy
SCRIPT
}

# The name of the API leads to the first control plane while another one joins, and to itself afterwards.
join_control_plane() {
  on "$1" >/dev/null <<SCRIPT
sed --in-place "s/^[0-9.]*\(\s*$API_HOST\)\$/$CONTROL_PLANE\1/" /etc/hosts
kubeadm config images list --config /var/tmp/init.yaml 2>/dev/null | xargs --max-procs 8 --max-args 1 crictl pull
$join --control-plane --certificate-key $key --apiserver-advertise-address $1 --ignore-preflight-errors='$IGNORED_PREFLIGHT_ERRORS'
sed --in-place "s/^[0-9.]*\(\s*$API_HOST\)\$/$1\1/" /etc/hosts
SCRIPT
}

join_worker() { on "$1" <<<"$join --ignore-preflight-errors='$IGNORED_PREFLIGHT_ERRORS'" >/dev/null; }

# shellcheck disable=SC2086 # words
each prepare $CONTROL_PLANE $FURTHER $WORKERS
# shellcheck disable=SC2086 # words
[[ ! -e $FILES/haproxy.cfg ]] || each balance $WORKERS

on "$CONTROL_PLANE" >/dev/null <<SCRIPT
kubeadm config images list --config /var/tmp/init.yaml 2>/dev/null | xargs --max-procs 8 --max-args 1 crictl pull
kubeadm init --config /var/tmp/init.yaml --ignore-preflight-errors="$IGNORED_PREFLIGHT_ERRORS"
SCRIPT
# Its name is known on the hosts only.
ssh "${options[@]}" "debian@$CONTROL_PLANE" sudo cat /etc/kubernetes/admin.conf |
  sed "s|https://$API_HOST:|https://$CONTROL_PLANE:|" >"$FILES/admin.conf"
export KUBECONFIG=$FILES/admin.conf
"$KUBECTL" apply --server-side --filename "$FILES/calico.yaml" >/dev/null

join=$(on "$CONTROL_PLANE" <<<"kubeadm token create --print-join-command")
if [[ -n $FURTHER ]]; then
  key=$(on "$CONTROL_PLANE" <<<"kubeadm init phase upload-certs --upload-certs 2>/dev/null" | tail -n 1)
fi
for address in $FURTHER; do # etcd takes one new member at a time
  join_control_plane "$address"
done
# shellcheck disable=SC2086 # words
each join_worker $WORKERS
"$KUBECTL" apply --server-side --filename "$FILES/add-ons.yaml" >/dev/null
"$KUBECTL" create serviceaccount admin-user --namespace kubernetes-dashboard >/dev/null
"$KUBECTL" create clusterrolebinding admin-user --clusterrole cluster-admin --serviceaccount kubernetes-dashboard:admin-user >/dev/null
"$KUBECTL" wait nodes --all --for condition=Ready --timeout 300s >/dev/null
"$KUBECTL" get certificatesigningrequests --output name | xargs "$KUBECTL" certificate approve >/dev/null
"$KUBECTL" --namespace kube-system rollout status daemonset/calico-node --timeout 300s >/dev/null
"$KUBECTL" wait deployments --all-namespaces --all --for condition=Available --timeout 300s >/dev/null
