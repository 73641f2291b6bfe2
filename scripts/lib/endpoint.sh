# shellcheck shell=bash
# The endpoint in kubeconfigs of this machine.
# Needs: API_SERVER

# server_in: the URL of the API in a kubeconfig on standard input.
server_in() { sed --quiet 's/^ *server: //p'; }

# lead_to_endpoint KUBECONFIG: it has the URL API_SERVER; LED is "changed" where that changed the file, otherwise "same".
lead_to_endpoint() {
  local there
  LED=same
  [[ -f $1 ]] || return 0
  there=$(server_in <"$1")
  [[ -n $there && $there != "$API_SERVER" ]] || return 0
  sed "s|^\( *server: \).*|\1$API_SERVER|" "$1" >"$1.new"
  chmod 0600 "$1.new"
  sync "$1.new"
  mv "$1.new" "$1"
  sync "$(dirname "$1")"
  # shellcheck disable=SC2034 # callers read it
  LED=changed
  changed "$1 leads to $API_SERVER, and no more to $there"
}
