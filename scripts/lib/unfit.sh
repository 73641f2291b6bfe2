# shellcheck shell=bash
# Kernel, disks or name servers with which a machine would be useless as a node: findings of parts/prepare/machine.sh.
# Needs: EVICTS_BY_SHARE; lib/kernel.sh lib/name_servers.sh lib/resolver.sh
. "$LIBRARY/lib/kernel.sh"

# check_vxlan: the kernel can load the module vxlan, which it does when Calico makes its link. A machine without modules of its
# own, such as a container, has those of its host.
check_vxlan() {
  local bars kernel
  kernel=$(uname --kernel-release)
  [[ -d /lib/modules/$kernel && ! -d /sys/module/vxlan ]] && command -v modprobe >/dev/null || return 0
  bars=$(bars_of vxlan)
  if [[ -n $bars ]]; then
    find_wrong "the kernel module vxlan, by which pods reach those of other nodes" "${bars//$'\n'/ and }" \
      "take it out of the file that has it: grep -rw vxlan /etc/modprobe.d /usr/lib/modprobe.d"
  elif ! modprobe --dry-run --quiet vxlan; then
    find_wrong "the kernel module vxlan, by which pods reach those of other nodes" "a kernel without it, $kernel" \
      "apt-get install linux-image-$(dpkg --print-architecture), on Ubuntu linux-modules-extra-$kernel; then reboot"
  fi
}

# check_kernel_log: the kubelet ends without /dev/kmsg, and kubeadm waits for four minutes: kubernetes-sigs/kind 662.
check_kernel_log() {
  [[ -e /dev/kmsg ]] || find_wrong "the log of the kernel at /dev/kmsg, which each kubelet reads" \
    "no such file, as in a container of LXC" "give the container /dev/kmsg of its host, or take a virtual machine"
}

# mount_options PATH: the options of the file system that has the path, or will have it.
mount_options() {
  awk -v path="$(realpath --canonicalize-missing "$1")/" '
    { point = $2 == "/" ? "/" : $2 "/" }
    index(path, point) == 1 && length(point) >= longest { longest = length(point); options = $4 }
    END { print options }
  ' /proc/mounts
}

# check_programs_run: if its programs cannot run, Calico reports nothing, and the node stays NotReady: projectcalico/cni-plugin
# 891.
check_programs_run() {
  local options
  options=$(mount_options /opt/cni/bin)
  [[ ,$options, != *,noexec,* ]] || find_wrong "a file system for /opt/cni/bin whose programs run" "the option noexec" \
    "take noexec out of its line in /etc/fstab; mount -o remount,exec its mount point"
}

# nearest PATH: the directory, or the nearest one above it that exists.
nearest() {
  local path=$1
  until [[ -d $path ]]; do
    path=${path%/*}
  done
  printf '%s' "$path"
}

# check_shares: with less than these shares free, the kubelet takes no pod and ends running ones, even if gigabytes are free on
# a large disk. They are the defaults of imagefs.available and nodefs.available.
check_shares() {
  local path wanted percent
  [[ ${EVICTS_BY_SHARE:-} == true ]] && ! is_marked "$PREPARED_MARK" || return 0
  while read -r path wanted; do
    percent=$(df --output=size,avail --block-size=1M "$(nearest "$path")" |
      awk 'NR == 2 && $2 != "" {print int($2 * 100 / $1)}')
    [[ -z $percent ]] || ((percent >= wanted)) ||
      find_wrong "at least $wanted % free for $path, below which the kubelet ends pods" "$percent %" \
        "df -h $(nearest "$path"); make room, or set evictionHard of cluster.kubeletConfiguration in the stack file"
  done <<<"/var/lib/containerd 15
/var/lib/kubelet 10"
}

# check_search_domains: a pod looks up each name with fewer than five dots below these domains first. If one of them answers
# for every name, pods find its address for all servers of the Internet: kubernetes/kubernetes 49113.
check_search_domains() {
  local file domains domain seen
  is_marked "$PREPARED_MARK" && return 0
  file=$(resolver_configuration)
  [[ -e $file ]] || return 0 # check_name_servers says it
  domains=$(search_domains "$file")
  for domain in $domains; do
    seen=$(timeout 10 getent ahosts "no-host-of-pulumi-kubeadm.$domain." | awk 'NR == 1 {print $1}') || continue
    [[ -z $seen ]] || find_wrong "no address of a name that is not there, below the search domain $domain in $file" \
      "$seen: its name server answers for all names, and pods would ask it for those of the Internet, too" \
      "take $domain out of the line search; or name another file: resolvConf of cluster.kubeletConfiguration"
  done
}
