# shellcheck shell=bash
# Marks: facts that a step leaves below $STATE on this machine, for later runs. A reset removes all of them.
# shellcheck disable=SC2034 # those who source this file read the names

# On each machine, by prepare
OWNER_MARK=owner                           # CLUSTER_ID of the only cluster that may change the machine; the first thing written
CLUSTER_NAME_MARK=cluster-name             # CLUSTER_NAME of that cluster, for messages
HOST_NAME_MARK=host-name                   # name of the host when it was prepared last; a node keeps its name
PACKAGE_LISTS_MARK=package-lists-are-read  # digest of the repositories of which apt read the lists
CONTAINERD_MARK=containerd-runs-with       # digest of the configuration that containerd was started with; by images too
SYSTEMD_MARK=systemd-runs-with             # digest of the setting that systemd was re-executed with
NETWORK_MANAGER_MARK=network-manager-reads # digest of the file that NetworkManager has read
NETWORKD_MARK=networkd-reads               # as NETWORK_MANAGER_MARK, of systemd-networkd
SWAP_UNITS_MARK=swap-units                 # units of swap that prepare turned off, which reset turns on
UNFINISHED_HOSTS_MARK=unfinished-hosts     # content of /etc/hosts while it is written in place
LOAD_BALANCER_MARK=load-balancer-runs-with # digests of the unit and of the configuration that haproxy was started with
OWN_HAPROXY_MARK=haproxy-is-ours           # prepare installed the package: its own service is of no use
BACKUP_TIMER_MARK=backup-timer-runs-with   # digest of the units that the timer of snapshots was started with
APPROVAL_MARK=approval-runs-with           # as LOAD_BALANCER_MARK, of the service that approves certificates
VIP_MARK=vip-runs-with                     # as LOAD_BALANCER_MARK, of keepalived
OWN_KEEPALIVED_MARK=keepalived-is-ours     # as OWN_HAPROXY_MARK
PREPARED_MARK=prepared                     # prepare went to its end once: packages and images have their room on the disk

# On each node, by init or join
KUBELET_CONFIGURATION_MARK=kubelet-configuration # digest of the KubeletConfiguration that the kubelet runs with

# On a host that joins, by join
JOIN_STARTED_MARK=join-started # kubeadm join may have changed the machine; removed when the node is registered

# On a control plane, by init or join
INIT_STARTED_MARK=init-started                         # kubeadm init may have changed the machine
INITIALIZED_MARK=initialized                           # the control plane is complete; written last, and kept while it is
CLUSTER_IDENTITY_MARK=cluster-identity                 # CLUSTER_IDENTITY of the cluster: what kubeadm writes once
NODE_ADDRESS_MARK=node-address                         # NODE_IP of the control plane: certificates and etcd have it
CONTROL_PLANE_VERSION_MARK=control-plane-version       # Kubernetes version of the init or of the last whole upgrade
CLUSTER_CONFIGURATION_MARK=cluster-configuration       # digest of the ClusterConfiguration that was applied last
KUBE_PROXY_CONFIGURATION_MARK=kube-proxy-configuration # digest of the KubeProxyConfiguration that was applied last
VXLAN_MODE_MARK=vxlan-mode                             # VXLAN mode of the pod network
CONTROL_PLANE_TAINTS_MARK=taints                       # taints that the stack gave the control plane's node
CERTIFICATE_GENERATION_MARK=certificate-generation     # CERTIFICATE_GENERATION of the last renewal
ENCRYPTION_MARK=encryption                             # digest of the keys of Secrets that the API server started with
DRAIN_TIMEOUT_MARK=drain-timeout-seconds               # how long a drain may take, for leave, which gets no settings

# worker_taints_mark WORKER: taints that the stack gave the worker's node; on the control plane, by membership until leave.
worker_taints_mark() { printf 'taints-of-%s' "$1"; }

# unfinished_taints_mark MARK: taints that a node may have while the step that sets them, and MARK, is not at its end.
unfinished_taints_mark() { printf '%s-unfinished' "$1"; }

# Directories beside the marks
FILE_LISTS=$STATE/files                   # a list per step of the files that it put in place
MANIFESTS_BEFORE=$STATE/manifests         # static pod manifests before a change that did not go to its end
CERTIFICATE_BEFORE=$STATE/api-certificate # the API server's certificate before such a change
UNSYNCED_BEFORE=$STATE/before-upgrade     # files that kubeadm writes in an upgrade or a renewal, as they were before
RESTORE=$STATE/restore                    # a bundle that `make restore` laid, until the cluster runs with it
LOGS=/var/log/pulumi-kubeadm              # what each step printed last
ENCRYPTION_BEFORE=$STATE/keys-before      # the keys of Secrets before such a change
KUBELET_BEFORE=$STATE/kubelet             # the kubelet's configuration before such a change
KUBE_PROXY_BEFORE=$STATE/kube-proxy       # the ConfigMap of kube-proxy before such a change
WRITTEN=$STATE/written-by-kubeadm         # files of kubeadm for the kubelet, as the last update left them

# remember NAME VALUE: write a mark. It is there as a whole or not at all, also after a power cut.
remember() {
  if [[ -s $STATE/$1 && $(<"$STATE/$1") == "$2" ]]; then return; fi
  printf '%s' "$2" >"$STATE/$1.new"
  sync "$STATE/$1.new"
  mv "$STATE/$1.new" "$STATE/$1"
  sync "$STATE"
}

# mark NAME: the value of a mark; nothing without the mark.
mark() { if [[ -f $STATE/$1 ]]; then cat "$STATE/$1"; fi; }

# is_marked NAME: whether the mark exists, with whatever value.
is_marked() { [[ -e $STATE/$1 ]]; }

# forget NAME: remove a mark. A mark of what runs is forgotten before a change of it begins: the edit may be taken back when the
# change is cut short, and the mark would say that there is nothing to do.
forget() {
  if [[ -e $STATE/$1 ]]; then
    rm "$STATE/$1"
    sync "$STATE"
  fi
}
