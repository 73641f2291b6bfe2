# shellcheck shell=bash
# What kube-proxy in mode ipvs, and Calico, leave in the kernel beside rules and links.

# clear_ipvs: delete all services of IPVS, if kube-proxy's link kube-ipvs0 exists. In this mode kube-proxy deletes every
# service that is not its own, so all services are its own. They would keep node ports on the addresses of the machine taken.
clear_ipvs() {
  local services
  [[ -d /sys/class/net/kube-ipvs0 && -e /proc/net/ip_vs ]] || return 0
  services=$(awk 'NR > 3' /proc/net/ip_vs) # below three lines of a heading
  [[ -n $services ]] || return 0
  if ! command -v ipvsadm >/dev/null; then
    changed "services of IPVS stay until a reboot: there is no program ipvsadm"
    return 0
  fi
  ipvsadm --clear
}

# destroy_sets: destroy sets of addresses, once no rule uses them. A set that a rule of others uses stays.
destroy_sets() {
  local sets message name
  command -v ipset >/dev/null || return 0
  sets=$(ipset list --name 2>"$STAGING/message") || {
    message=$(<"$STAGING/message")
    changed "sets of addresses, if there are any, stay until a reboot: ipset says ${message//$'\n'/ }"
  }
  for name in $sets; do
    case $name in
      KUBE-* | cali4* | cali6*) ipset destroy "$name" 2>/dev/null || true ;;
    esac
  done
}
