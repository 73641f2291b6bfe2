# shellcheck shell=bash
# What the kernel of this machine has, for the steps that set it and that look at it.

# What a module gives may be built into the kernel; then there is nothing to load.
module_is_there() {
  case $1 in
    overlay) grep --quiet --word-regexp overlay /proc/filesystems ;;
    br_netfilter) [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] ;;
    *) [[ -d /sys/module/$1 ]] ;;
  esac
}

# sysctl_file NAME: its file. A `/` in the name stands for a dot in the name of a network card.
sysctl_file() {
  printf /proc/sys/
  tr ./ /. <<<"$1"
}

sysctl_value() {
  local file
  file=$(sysctl_file "$1")
  tr --squeeze-repeats '[:space:]' ' ' <"$file" | sed 's/ $//'
}

# wanted_sysctls: NAME=VALUE, one a line, of the staged file.
wanted_sysctls() { sed --quiet 's/ = /=/p' "$STAGING/files/etc/sysctl.d/99-kubernetes.conf"; }
