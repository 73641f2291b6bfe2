# shellcheck shell=bash
# The block of the stack in /etc/hosts. What stands outside of it is not the stack's.
# shellcheck disable=SC2034 # those who source this file read the names

HOSTS_BEGIN="# begin pulumi-kubeadm"
HOSTS_END="# end pulumi-kubeadm"
HOSTS_BLOCK_LINE="^$HOSTS_BEGIN\$"
HOSTS_BLOCK="/^$HOSTS_BEGIN\$/,/^$HOSTS_END\$/" # address of sed

# cloud-init with `manage_etc_hosts` writes /etc/hosts from this template at each boot, and gives the machine the name that its
# cloud has for it.
CLOUD_HOSTS=/etc/cloud/templates/hosts.debian.tmpl
CLOUD_NAME=/etc/cloud/cloud.cfg.d/99-pulumi-kubeadm.cfg
CLOUD_COMMENT="#pulumi-kubeadm#" # begins the lines that prepare comments out

# other_endpoints NAME WANTED: lines of /etc/hosts, outside of the block, that give the name another address than the file
# WANTED. These lines precede the block, and programs may try each address.
other_endpoints() {
  awk -v name="$1" -v begin="$HOSTS_BEGIN" -v end="$HOSTS_END" '
    NR == FNR { if ($2 == name) wanted = $1; next }
    $0 == begin { is_ours = 1 }
    $0 == end { is_ours = 0 }
    !is_ours && wanted != "" && $1 != wanted {
      line = $0
      sub(/#.*/, "")
      for (i = 2; i <= NF; i++) if ($i == name) print line
    }
  ' "$2" /etc/hosts
}

# replace FILE CONTENT: replace the file as a whole: after a power cut it has the old content or the new one.
replace() {
  cp --preserve "$1" "$1.new"
  printf '%s\n' "$2" >"$1.new"
  sync "$1.new"
  mv "$1.new" "$1"
}

# without_block FILE: content of the file as it was before the block. /etc/hosts has a commented line, too, once cloud-init
# wrote it from the template.
without_block() {
  sed -e "$HOSTS_BLOCK d" -e "s/^$CLOUD_COMMENT//" "$1"
}

# forget_cloud: give cloud-init its files back as they were.
forget_cloud() {
  rm -f "$CLOUD_NAME"
  if grep --quiet "$HOSTS_BLOCK_LINE" "$CLOUD_HOSTS" 2>/dev/null; then
    replace "$CLOUD_HOSTS" "$(without_block "$CLOUD_HOSTS")"
  fi
}

# write_hosts CONTENT: replace /etc/hosts as a whole. A file that is a mount point cannot be replaced by a rename: then a mark
# keeps the content until it is written in place.
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

# finish_hosts: finish a write of /etc/hosts that an earlier run began.
finish_hosts() {
  local content
  content=$(mark "$UNFINISHED_HOSTS_MARK")
  [[ -z $content ]] || write_hosts "$content"
}
