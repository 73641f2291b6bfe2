# shellcheck shell=bash
# kube-proxy of every node, with the KubeProxyConfiguration of the cluster. kubeadm's manifest has no probe, so a rolling
# restart counts a kube-proxy that ends after a second as running. Therefore a new configuration is tried on this machine
# first.
# Needs: LEADS; lib/static_pods.sh

STAYS_SECONDS=15 # within this time the kubelet restarts a kube-proxy that refuses its configuration
OF_KUBE_PROXY=(--namespace kube-system configmap kube-proxy)

# ask_kube_proxy_configuration: ANSWER is the content of the ConfigMap, as JSON.
ask_kube_proxy_configuration() {
  ask "the API server to show configmap kube-proxy" kubectl get "${OF_KUBE_PROXY[@]}" --output 'jsonpath={.data}'
}

# kube_proxy_stays CONTAINER: kube-proxy of this machine runs in another container than this one, and stays in it for
# STAYS_SECONDS.
kube_proxy_stays() {
  local first now look
  first=$(container_of kube-proxy) || return 1
  [[ -n $first && $first != "$1" ]] || return 1
  for ((look = 0; look < STAYS_SECONDS; look++)); do
    sleep 1
    now=$(container_of kube-proxy) || return 1
    [[ $now == "$first" ]] || return 1
  done
}

restart_kube_proxies() { kubectl --namespace kube-system rollout restart daemonset/kube-proxy >/dev/null; }

# put_back_kube_proxy_configuration: put the former ConfigMap back after an interrupted or failed change. Every kube-proxy
# restarts, because nobody knows which ones run with the new ConfigMap. If another control plane leads by now, the ConfigMap
# belongs to that one and stays.
put_back_kube_proxy_configuration() {
  [[ -d $KUBE_PROXY_BEFORE ]] || return 0
  if [[ $LEADS == true ]]; then
    kubectl patch "${OF_KUBE_PROXY[@]}" --type merge --patch-file "$KUBE_PROXY_BEFORE/configuration" >/dev/null
    restart_kube_proxies
  fi
  drop "$KUBE_PROXY_BEFORE"
}

# change_kube_proxies COMMAND...: run the command, which writes the ConfigMap. If the ConfigMap changed, kube-proxy of this
# machine starts with it first, and then those of all nodes. If the first one does not run, the old ConfigMap comes back and
# the step ends.
change_kube_proxies() {
  local before seen
  ask_kube_proxy_configuration
  printf '{"data": %s}\n' "$ANSWER" >"$STAGING/configuration"
  keep "$KUBE_PROXY_BEFORE" "$STAGING/configuration"
  "$@"
  ask_kube_proxy_configuration
  if [[ "{\"data\": $ANSWER}" != "$(<"$KUBE_PROXY_BEFORE/configuration")" ]]; then
    before=$(container_of kube-proxy)
    kubectl --namespace kube-system delete pod --wait=false --selector k8s-app=kube-proxy \
      --field-selector "spec.nodeName=$HOST_NAME" >/dev/null
    if ! comes_true 120 kube_proxy_stays "$before"; then
      seen=$(last_words kube-proxy) || true # the reason may be missing; the old configuration comes back all the same
      put_back_kube_proxy_configuration
      fail "kube-proxy to run with its new configuration within 120 s" "$seen" \
        "mend cluster.kubeProxyConfiguration in the stack file, then pulumi up; every kube-proxy has the old one again"
    fi
    restart_kube_proxies
    changed "kube-proxy restarts with its new configuration"
  fi
  drop "$KUBE_PROXY_BEFORE"
}
