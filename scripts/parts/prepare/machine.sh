# shellcheck shell=bash
# Changes nothing: reports everything that makes the machine unfit, all findings at once, before anything is changed.
# Needs: CGROUP_V1_IS_REFUSED CONTAINERD_IS_OF_DISTRIBUTION CONTAINERD_PACKAGE IGNORE_PREFLIGHT_ERRORS KUBERNETES_VERSION
#   MINIMUM_FREE_DISK_MIB MINIMUM_MEMORY_MIB NEED_RELEASE NODE_IP OLDEST_CONTAINERD OLDEST_KERNEL OWN_LOAD_BALANCER
#   ROLE; lib/containerd_package.sh lib/kubeadm.sh lib/left_by_others.sh lib/name_servers.sh lib/release.sh
#   lib/resolver.sh lib/unfit.sh lib/virtual_address.sh

. "$LIBRARY/lib/containerd_package.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/left_by_others.sh"
. "$LIBRARY/lib/release.sh"
. "$LIBRARY/lib/name_servers.sh"
. "$LIBRARY/lib/resolver.sh"
. "$LIBRARY/lib/unfit.sh"
. "$LIBRARY/lib/virtual_address.sh"

findings=()
find_wrong() { findings+=("$(explain "$@")"); }

# memory_mib: the memory of the machine in whole MiB.
memory_mib() { awk '$1 == "MemTotal:" {print int($2 / 1024)}' /proc/meminfo; }

check_memory() {
  [[ $ROLE == control-plane ]] || return 0
  local memory
  memory=$(memory_mib)
  ((memory >= MINIMUM_MEMORY_MIB)) ||
    find_wrong "at least $MINIMUM_MEMORY_MIB MiB of memory" "$memory MiB" "give the machine more memory"
}

# is_ignored NAME: whether the stack ignores this check of kubeadm.
is_ignored() {
  local ignored=${IGNORE_PREFLIGHT_ERRORS:-} # a step of an older version has none
  [[ ,${ignored,,}, == *,"${1,,}",* || ,${ignored,,}, == *,all,* ]]
}

# check_cpus: kubeadm checks the CPUs, too, but only when the machine has been changed already.
check_cpus() {
  local cpus
  [[ $ROLE == control-plane ]] && ! is_ignored NumCPU || return 0
  cpus=$(nproc)
  ((cpus >= 2)) ||
    find_wrong "at least 2 CPUs" "$cpus" \
      "give the machine more CPUs, or name NumCPU in cluster.ignorePreflightErrors in the stack file"
}

check_memory_cgroup() {
  is_ignored SystemVerification && return 0
  if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
    grep --quiet --word-regexp memory /sys/fs/cgroup/cgroup.controllers && return 0
  else
    awk '$1 == "memory" && $4 == 0 {exit 1}' /proc/cgroups && return 0
  fi
  find_wrong "the memory cgroup, by which pods get their memory" "a kernel without it" \
    "add cgroup_enable=memory to the command line of the kernel, and reboot"
}

check_kernel() {
  local kernel oldest=${OLDEST_KERNEL:-} # a step of an older version has none
  kernel=$(uname --kernel-release)
  [[ -z $oldest ]] || dpkg --compare-versions "$kernel" ge "$oldest" ||
    find_wrong "Linux $oldest or newer, for the mode of kube-proxy" "$kernel" \
      "upgrade the machine, or choose another mode in cluster.kubeProxyConfiguration"
}

# check_room PATH MIB: check the free room and inodes for the path. A file system is checked once, for the first path on it.
measured=" "
check_room() {
  local directory device free inodes
  directory=$(nearest "$1")
  device=$(stat --dereference --format %d "$directory")
  [[ $measured != *" $device "* ]] || return 0
  measured+="$device "
  free=$(free_disk_mib "$directory")
  ((free >= $2)) || find_wrong "at least $2 MiB free for $1" "$free MiB" "df -h $directory; du -xsh $directory/*"
  # Some file systems report 0 inodes in all, because they have no fixed number.
  inodes=$(df --output=itotal,iavail "$directory" | awk 'NR == 2 && $1 > 0 && $2 < 50000 {print $2}')
  [[ -z $inodes ]] || find_wrong "at least 50000 free inodes for $1" "$inodes" "df -i $directory"
}

# check_disks: images take the most room; the other file systems need a quarter of it at most.
check_disks() {
  local path
  # On a prepared machine packages and images have their room already.
  is_marked "$PREPARED_MARK" && return 0
  check_room /var/lib/containerd "$MINIMUM_FREE_DISK_MIB"
  for path in /var /var/lib/kubelet /var/lib/etcd; do
    check_room "$path" $((MINIMUM_FREE_DISK_MIB / 4))
  done
}

check_mounts() {
  local path missing named=" "
  for path in /var/lib/containerd /var/lib/kubelet /var/lib/etcd; do
    missing=$(missing_mount "$path")
    [[ -n $missing && $named != *" $missing "* ]] || continue
    named+="$missing "
    find_wrong "the file system of $path at $missing, as /etc/fstab has it" "nothing mounted there" \
      "mount $missing; or take the line out of /etc/fstab"
  done
}

check_system() {
  command -v apt-get >/dev/null || find_wrong "Debian or a derivative with apt" "no apt-get" "cat /etc/os-release"
  [[ -d /run/systemd/system ]] || find_wrong "systemd as the init system" "$(cat /proc/1/comm)" "ps -p 1"
  local file_system
  file_system=$(stat --file-system --format %T /sys/fs/cgroup) || file_system=none
  if [[ $CGROUP_V1_IS_REFUSED == true && $file_system != cgroup2fs ]]; then
    find_wrong "cgroup v2, which Kubernetes $KUBERNETES_VERSION needs" "cgroup v1" \
      "boot with systemd.unified_cgroup_hierarchy=1, or set failCgroupV1: false in cluster.kubeletConfiguration"
  fi
}

# check_programs: the part programs.sh installs programs. The parts before it use only programs of every Debian, and ip.
check_programs() {
  command -v ip >/dev/null ||
    find_wrong "the program ip of the package iproute2, which tells the addresses of the machine" "none" \
      "apt-get update && apt-get install iproute2 on the machine"
}

check_node_ip() {
  local own
  command -v ip >/dev/null || return 0 # check_programs says it
  # A card with a peer, as of a routed server, has `inet ADDRESS peer OTHER/32`, and the other is no address of the machine.
  own=$(ip -4 -oneline address show to "$NODE_IP/32")
  [[ -n $own ]] ||
    find_wrong "the node's address $NODE_IP on one of the network cards" "$(hostname --all-ip-addresses)" \
      "correct nodeIp of the host in the stack file"
}

# found_before NAME PORT: whether a kubeconfig of this machine has this endpoint: then it is a node that found the API there
# before.
found_before() {
  grep --quiet --no-messages --extended-regexp "^ *server: https://${1//./\\.}:$2\$" "$ADMIN_CONF" "$KUBELET_CONF"
}

# check_load_balancer: if no name server knows the load balancer of the stack, or nothing is at its address, kubeadm waits four
# minutes for the API, and a node that gets this endpoint loses the API. A new machine may be refused a connection, because
# there may be no API server yet.
check_load_balancer() {
  local name port=6443 status=0 seen
  [[ -n ${OWN_LOAD_BALANCER:-} ]] || return 0 # a step of an older version has none
  name=${OWN_LOAD_BALANCER%:*}
  [[ $OWN_LOAD_BALANCER != *:* ]] || port=${OWN_LOAD_BALANCER##*:}
  if found_before "$name" "$port"; then return; fi
  if ! getent ahostsv4 "$name" >/dev/null; then
    find_wrong "an address of $name, the load balancer of the API" "none" \
      "getent ahostsv4 $name; name it in your DNS, or mend cluster.controlPlaneEndpoint in the stack file"
    return 0
  fi
  # shellcheck disable=SC2016 # the inner shell expands them
  seen=$(timeout 5 bash -c ': <"/dev/tcp/$0/$1"' "$name" "$port" 2>&1) || status=$?
  ((status == 0)) || [[ $seen == *"Connection refused"* && ! -e $KUBELET_CONF ]] ||
    find_wrong "an answer at port $port of $name, the load balancer of the API" "${seen:-none within 5 s}" \
      "curl --insecure https://$name:$port; start it, open the port, or mend cluster.controlPlaneEndpoint in the stack file"
}

# check_containerd: checked only if no repository of the stack may have another version. A machine that never read its package
# lists knows no version: then the part containerd.sh reports it.
check_containerd() {
  local seen
  # A step of an older version has none.
  [[ ${CONTAINERD_IS_OF_DISTRIBUTION:-false} == true ]] || return 0
  seen=$(containerd_version)
  [[ -z $seen ]] || containerd_is_new_enough "$seen" ||
    find_wrong "containerd $OLDEST_CONTAINERD or newer, for Kubernetes $KUBERNETES_VERSION" \
      "$seen of the package $CONTAINERD_PACKAGE" \
      "name a repository with a newer one in the stack file: containerd.repository, containerd.package"
}

# check_release: a source list may leave the release to the machine.
check_release() {
  local release sources=${NEED_RELEASE:-} # a step of an older version has none
  release=$(release_of_machine)
  [[ -z $sources || -n $release ]] ||
    find_wrong "a release of Debian or Ubuntu, of which ${sources//$'\n'/ and } names the packages" \
      "$(grep --max-count 1 '^PRETTY_NAME=' /etc/os-release)" \
      "name the package of this machine in the stack file: containerd.package, and containerd.repository if it has one"
}

mend_resolver_file() {
  if is_named_by_stack "$1"; then
    printf '%s' "write it, or mend resolvConf of cluster.kubeletConfiguration in the stack file"
  else
    printf '%s' "ls -l $1; write it; a machine without name servers has an empty one: rm -f $1; touch $1"
  fi
}

# check_name_servers: CoreDNS asks the name servers of its machine from within a pod. A loop-back address leads back to CoreDNS
# there, and CoreDNS ends.
check_name_servers() {
  local file seen
  # On a prepared machine the CoreDNS of the cluster may have name servers of its own.
  is_marked "$PREPARED_MARK" && return 0
  file=$(resolver_configuration)
  if [[ ! -e $file ]]; then # a file without name servers is taken: its pods have none either
    find_wrong "$file, without which the kubelet starts no pod" "no such file" "$(mend_resolver_file "$file")"
    return 0
  fi
  seen=$(loop_back_name_servers "$file")
  [[ -z $seen ]] || find_wrong "name servers in $file that pods reach, too" "$seen, which in a pod is the pod itself" \
    "name the server behind it there; or another file: resolvConf of cluster.kubeletConfiguration in the stack file"
  is_of_resolved "$file" && ! has_name_servers "$file" && has_name_servers /etc/resolv.conf || return 0
  find_wrong "name servers in $file, from which pods get theirs" "none: systemd-resolved knows none" \
    "resolvectl status; tell systemd-resolved the servers of /etc/resolv.conf, or: systemctl disable --now systemd-resolved"
}

check_memory
check_cpus
check_mounts
check_disks
check_shares
check_system
check_memory_cgroup
check_kernel
check_vxlan
check_kernel_log
check_programs
check_programs_run
check_node_ip
check_load_balancer
check_vip
check_containerd
check_release
check_name_servers
check_search_domains
check_pod_networks
check_units
check_containerd_start
check_kubelet_arguments
if ((${#findings[@]} > 0)); then
  printf '%s\n' "${findings[@]}" >&2
  trap - ERR
  exit 1
fi
