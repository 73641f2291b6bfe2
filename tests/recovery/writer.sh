# shellcheck shell=bash
# Makes numbered ConfigMaps, one after the other, and writes a line for each as requests.sh does: the API has acknowledged those
# with the status 201. Needs: API_SERVER; ca.crt, client.crt, client.key in this directory.
cd "$(dirname "$0")" || exit
number=0
while [[ ! -e stop ]]; do
  ((number++))
  printf 'create %s %s %s\n' "$number" "$EPOCHREALTIME" "$(curl --silent --max-time 10 --output /dev/null \
    --write-out '%{http_code} %{time_total}' --cacert ca.crt --cert client.crt --key client.key \
    --header 'Content-Type: application/json' "$API_SERVER/api/v1/namespaces/default/configmaps" \
    --data "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"numbered-$number\"}}")"
  sleep 0.1
done >>requests.log
