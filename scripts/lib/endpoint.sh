# shellcheck shell=bash
# The endpoint in kubeconfigs of this machine.
# Needs: API_SERVER

# server_in: the URL of the API in a kubeconfig on standard input.
server_in() { sed --quiet 's/^ *server: //p'; }

# leads_to_endpoint KUBECONFIG: whether the file has the URL API_SERVER, or does not exist.
leads_to_endpoint() {
  local there
  [[ -f $1 ]] || return 0
  there=$(server_in <"$1") || fail "a kubeconfig in $1" "none that can be read" "ls -l $1"
  [[ -z $there || $there == "$API_SERVER" ]]
}

# lead_to_endpoint KUBECONFIG: write the URL API_SERVER into the file.
lead_to_endpoint() {
  leads_to_endpoint "$1" && return 0
  sed "s|^\( *server: \).*|\1$API_SERVER|" "$1" >"$1.new"
  chmod 0600 "$1.new"
  sync "$1.new"
  mv "$1.new" "$1"
  sync "$(dirname "$1")"
  changed "$1 leads to $API_SERVER"
}
