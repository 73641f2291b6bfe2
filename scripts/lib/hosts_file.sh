# shellcheck shell=bash
# The block of the stack in /etc/hosts. What stands outside of it is not the stack's.
# shellcheck disable=SC2034 # those who source this file read the names

HOSTS_BEGIN="# begin pulumi-kubeadm"
HOSTS_END="# end pulumi-kubeadm"
HOSTS_BLOCK="/^$HOSTS_BEGIN\$/,/^$HOSTS_END\$/" # address of sed

# write_hosts CONTENT: replace /etc/hosts, as a whole. It may be a mount point, which cannot be renamed over: there the content
# is remembered until it is written.
write_hosts() {
  printf '%s\n' "$1" >/etc/hosts.new
  chmod 0644 /etc/hosts.new
  sync /etc/hosts.new
  if [[ -L /etc/hosts ]] || ! mv /etc/hosts.new /etc/hosts 2>/dev/null; then
    rm /etc/hosts.new
    remember "$UNFINISHED_HOSTS_MARK" "$1"
    printf '%s\n' "$1" >/etc/hosts
    sync /etc/hosts
    forget "$UNFINISHED_HOSTS_MARK"
  fi
  sync /etc
}

# finish_hosts: write what an earlier run began to write.
finish_hosts() {
  local content
  content=$(mark "$UNFINISHED_HOSTS_MARK")
  [[ -z $content ]] || write_hosts "$content"
}
