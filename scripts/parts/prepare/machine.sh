# shellcheck shell=bash
# Changes nothing: whatever makes the machine unfit is reported before anything is changed, all findings at once.
# Needs: CGROUP_V1_IS_REFUSED KUBERNETES_VERSION MINIMUM_FREE_DISK_MIB MINIMUM_MEMORY_MIB NODE_IP OWN_LOAD_BALANCER ROLE
#   VIP

findings=()
find_wrong() { findings+=("$(explain "$@")"); }

# In whole MiB.
memory_mib() { awk '$1 == "MemTotal:" {print int($2 / 1024)}' /proc/meminfo; }
free_disk_mib() { df --output=avail --block-size=1M "$1" | tail -n 1 | tr -d ' '; }

check_memory() {
  [[ $ROLE == control-plane ]] || return 0
  local memory
  memory=$(memory_mib)
  ((memory >= MINIMUM_MEMORY_MIB)) ||
    find_wrong "at least $MINIMUM_MEMORY_MIB MiB of memory" "$memory MiB" "give the machine more memory"
}

check_disk() {
  local free inodes
  # On a prepared machine packages and images have their room already.
  is_marked "$PREPARED_MARK" && return 0
  free=$(free_disk_mib /var)
  ((free >= MINIMUM_FREE_DISK_MIB)) ||
    find_wrong "at least $MINIMUM_FREE_DISK_MIB MiB free under /var" "$free MiB" "df -h /var; du -xsh /var/*"
  # Some file systems report 0 inodes in all, because they have no fixed number.
  inodes=$(df --output=itotal,iavail /var | awk 'NR == 2 && $1 > 0 && $2 < 50000 {print $2}')
  [[ -z $inodes ]] || find_wrong "at least 50000 free inodes under /var" "$inodes" "df -i /var"
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

check_node_ip() {
  ip -4 -oneline address show | grep --fixed-strings " $NODE_IP/" >/dev/null ||
    find_wrong "the node's address $NODE_IP on one of the network cards" "$(hostname --all-ip-addresses)" \
      "correct nodeIp of the host in the stack file"
}

# Where name servers do not know the load balancer of the stack, kubeadm would wait for four minutes for an API of its own.
check_load_balancer() {
  [[ -z $OWN_LOAD_BALANCER ]] || getent ahostsv4 "$OWN_LOAD_BALANCER" >/dev/null ||
    find_wrong "an address of $OWN_LOAD_BALANCER, the load balancer of the API" "none" \
      "getent ahostsv4 $OWN_LOAD_BALANCER; name it in your DNS, or mend cluster.controlPlaneEndpoint in the stack file"
}

# A machine outside of its network holds the virtual address, and nobody finds it there.
check_vip() {
  local card route
  # A step of an older version has none.
  [[ -n ${VIP:-} ]] || return 0
  card=$(ip -4 -oneline address show to "$NODE_IP/32" | awk 'NR == 1 {print $2}')
  [[ -n $card ]] || return 0 # check_node_ip says it
  route=$(ip -4 route show match "$VIP/32" dev "$card" scope link)
  [[ -n $route ]] || find_wrong "the virtual address $VIP in a network of $card, which has the node's address $NODE_IP" \
    "$(ip -4 route show dev "$card" scope link)" "ip -4 route show dev $card; correct cluster.vip.address in the stack file"
}

check_memory
check_disk
check_system
check_node_ip
check_load_balancer
check_vip
if ((${#findings[@]} > 0)); then
  printf '%s\n' "${findings[@]}" >&2
  trap - ERR
  exit 1
fi
