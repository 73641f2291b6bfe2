# shellcheck shell=bash
# The machine has the stack's name, and knows all hosts of the stack by name.
# Needs: lib/hosts_file.sh lib/kube_proxy.sh lib/load_balancer.sh

. "$LIBRARY/lib/hosts_file.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/kube_proxy.sh"
. "$LIBRARY/lib/load_balancer.sh"

# set_host_name: hostnamectl needs D-Bus, which a small installation lacks.
set_host_name() {
  hostnamectl set-hostname "$HOST_NAME" 2>/dev/null && return
  printf '%s\n' "$HOST_NAME" >/etc/hostname.new
  chmod 0644 /etc/hostname.new
  sync /etc/hostname.new
  mv /etc/hostname.new /etc/hostname
  sync /etc
  hostname "$HOST_NAME"
}

name=$(hostname)
if [[ $name != "$HOST_NAME" ]]; then
  set_host_name
  changed "host name is $HOST_NAME"
fi

# wanted_hosts: /etc/hosts with the block of the stack. Names of hosts resolve to the addresses of nodes, so loop-back lines
# lose them. A clone has such a line with the name of the machine that it was made from, and a machine of Vagrant with its own.
wanted_hosts() {
  sed -e "$HOSTS_BLOCK d" -e '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts | awk '
    NR == FNR { names[$2]; next }
    $1 ~ /^127[.]/ || $1 == "::1" {
      line = $1
      for (i = 2; i <= NF; i++) if (!($i in names)) line = line " " $i
      if (line == $1) next
      if (split(line, words) < NF) $0 = line
    }
    { print }
  ' "$STAGING/files/etc/hosts" -
  stack_block
}
stack_block() {
  local hosts
  hosts=$(<"$STAGING/files/etc/hosts")
  printf '%s\n%s%s\n' "$HOSTS_BEGIN" "$hosts"$'\n' "$HOSTS_END"
}

finish_hosts
wanted=$(wanted_hosts)
there=$(</etc/hosts)
if [[ $there != "$wanted" ]]; then
  write_hosts "$wanted"
  changed "/etc/hosts names all hosts of the stack"
fi
if [[ -f $CLOUD_HOSTS ]]; then
  wanted=$(
    sed -e "$HOSTS_BLOCK d" -e "s/^127\.0\.1\.1[[:space:]]/$CLOUD_COMMENT&/" "$CLOUD_HOSTS"
    stack_block
  )
  there=$(<"$CLOUD_HOSTS")
  if [[ $there != "$wanted" ]]; then
    replace "$CLOUD_HOSTS" "$wanted"
    changed "cloud-init keeps the hosts of the stack in /etc/hosts"
  fi
fi
if [[ -d ${CLOUD_NAME%/*} && ! -s $CLOUD_NAME ]]; then
  echo "preserve_hostname: true" >"$CLOUD_NAME.new"
  chmod 0644 "$CLOUD_NAME.new"
  sync "$CLOUD_NAME.new"
  mv "$CLOUD_NAME.new" "$CLOUD_NAME"
  changed "cloud-init leaves the host name alone"
fi
restart_stale_kube_proxy
is_staged "$LOAD_BALANCER_CONFIG" || stop_load_balancer
