#!/bin/bash
# Approves the certificates with which kubelets serve: runs on each control plane. kubeadm's cluster signs them, and approves
# none. A kubelet gets one for its own name and its own address, as the stack has both in a ConfigMap that no kubelet may
# write, and for nothing else. Others wait for a person: kubectl get csr.
set -euo pipefail

CONF=/etc/kubernetes/admin.conf
RETRY_SECONDS=10
OF_SERVERS='^(digital signature,|key encipherment,){1,2}server auth,$' # a key of RSA enciphers, too
FIELDS='{{.metadata.name}}|{{if .status.conditions}}answered{{else}}waits{{end}}|{{range .spec.usages}}{{.}},{{end}}|{{.spec.request}}|{{.spec.username}}{{"\n"}}'

ask() { kubectl --kubeconfig "$CONF" "$@"; }

# address_of NODE: nothing for a node that is no host of the stack.
address_of() {
  local found
  found=$(ask --request-timeout 20s --namespace kube-system get configmap pulumi-kubeadm-nodes \
    --output "go-template={{index .data \"$1\"}}" 2>&1) || return 1
  [[ $found =~ ^[0-9]+(\.[0-9]+){3}$ ]] && printf '%s' "$found"
}

# names_of NODE ADDRESS: the extension for both names, as asn1parse prints its bytes. A text that a kubelet chose may look like
# lines of another program's output; these bytes hold no line.
names_of() {
  local name address
  name=$(printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n')
  # shellcheck disable=SC2086 # four numbers
  address=$(printf '%02x' ${2//./ })
  printf '30%02x82%02x%s8704%s' $((${#name} / 2 + 8)) $((${#name} / 2)) "$name" "$address"
}

# refusal REQUEST: the reason why it is not approved; nothing for one that may be.
refusal() {
  local usages request username node address subject parsed
  IFS='|' read -r _ _ usages request username <<<"$1"
  node=${username#system:node:}
  if [[ $username != system:node:* || ! $node =~ ^[a-z0-9.-]{1,64}$ ]]; then
    echo "$username is no kubelet"
  elif [[ ! $usages =~ $OF_SERVERS ]]; then
    echo "$node wants another use than that of a kubelet that serves: ${usages%,}"
  elif ! address=$(address_of "$node"); then
    echo "$node has no address in the ConfigMap kube-system/pulumi-kubeadm-nodes"
  elif ! { subject=$(base64 --decode <<<"$request" | openssl req -noout -subject -nameopt RFC2253 2>&1) &&
    parsed=$(base64 --decode <<<"$request" | openssl asn1parse 2>&1); }; then
    echo "$node sent no request for a certificate"
  elif [[ ${subject// /} != "subject=CN=$username,O=system:nodes" ]]; then
    echo "$node wants the name of somebody else: $subject"
  elif [[ $(grep --count 'Subject Alternative Name' <<<"$parsed") != 1 ]] ||
    ! grep --after-context 1 'Subject Alternative Name' <<<"$parsed" |
    grep --quiet --ignore-case ":$(names_of "$node" "$address")\$"; then
    echo "$node wants other names than $node and $address"
  fi
}

# follow: until the API server ends the answer, or does not give one.
follow() {
  local -A waiting=() said=()
  local line name state status reason
  exec {requests}< <(ask get certificatesigningrequests --watch --output "go-template=$FIELDS" \
    --field-selector spec.signerName=kubernetes.io/kubelet-serving)
  while true; do
    status=0 line=
    IFS= read -r -t "$RETRY_SECONDS" line <&"$requests" || status=$?
    ((status == 0 || status > 128)) || break
    if ((status == 0)); then
      IFS='|' read -r name state _ <<<"$line"
      unset "waiting[$name]"
      if [[ $state == waits ]]; then waiting[$name]=$line; fi
    fi
    for name in "${!waiting[@]}"; do
      reason=$(refusal "${waiting[$name]}")
      if [[ -z $reason ]]; then
        ask --request-timeout 20s certificate approve "$name"
        unset "waiting[$name]"
      elif [[ ${said[$name]-} != "$reason" ]]; then
        echo "$name is not approved: $reason" >&2
        said[$name]=$reason
      fi
    done
  done
  exec {requests}<&-
}

while true; do
  if [[ -e $CONF ]]; then follow; fi
  sleep 5
done
