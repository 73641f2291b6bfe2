# shellcheck shell=bash
# Name servers in a file such as /etc/resolv.conf.

# loop_back_name_servers FILE: name servers at loop-back addresses, such as the stub of systemd-resolved, or a dnsmasq of
# NetworkManager.
loop_back_name_servers() {
  awk '$1 == "nameserver" && ($2 ~ /^127[.]/ || $2 == "::1") {printf "%s%s", before, $2; before = " "}' "$1"
}

has_name_servers() { [[ -e $1 ]] && awk '$1 == "nameserver" {found = 1} END {exit !found}' "$1"; }

# search_domains FILE: the search domains, one a line. The last line `search` counts. The domain of the root is left out.
search_domains() {
  awk '$1 == "search" {domains = $0} END {n = split(domains, all); for (i = 2; i <= n; i++) print all[i]}' "$1" |
    sed '/^[.]$/d; s/[.]$//'
}
