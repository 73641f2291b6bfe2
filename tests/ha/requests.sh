# shellcheck shell=bash
# Asks the API by the URL of its server, five times a second, with a new connection each time: a read, and a numbered write.
# Prints a line for each request: what, its number, when it began in seconds since 1970, HTTP status or 000, seconds.
# Needs: API_SERVER NAME, of the object that is written; ca.crt, client.crt, client.key in this directory.
cd "$(dirname "$0")" || exit
ask() {
  local what=$1 began=$EPOCHREALTIME
  shift
  printf '%s %s %s %s\n' "$what" "$number" "$began" "$(curl --silent --max-time 10 --output /dev/null \
    --write-out '%{http_code} %{time_total}' --cacert ca.crt --cert client.crt --key client.key "$@")"
}
number=0
while [[ ! -e stop ]]; do
  ((number++))
  ask read "$API_SERVER/api/v1/namespaces/default"
  ask write --request PATCH --header 'Content-Type: application/apply-patch+yaml' \
    --data "{apiVersion: v1, kind: ConfigMap, metadata: {name: $NAME}, data: {number: \"$number\"}}" \
    "$API_SERVER/api/v1/namespaces/default/configmaps/$NAME?fieldManager=requests&force=true"
  sleep 0.2
done >>requests.log
