# shellcheck shell=bash
# Follows host_facts.sh on a control plane: what `make status` wants to know of etcd, and of its bundles.
# Needs: the function fact of host_facts.sh, and scripts/lib/etcd_answers.sh

first_line_of() { head --lines 1 "$1" 2>/dev/null || true; } # a mark that is gone is a fact of the host

# newest_bundle: of this machine: others, also of clusters with the same name, may share the directory. Before the first
# bundle, and on a machine that no update with bundles was on, there is none. lib/bundle.sh gives the names.
newest_bundle() {
  local directory whose day='[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'
  directory=$(sed --quiet 's/^directory=//p' /etc/kubernetes/backup/settings 2>/dev/null) || return 0
  whose="$(first_line_of "$STATE/cluster-name")-$(first_line_of "$STATE/owner")-$(first_line_of "$STATE/host-name")"
  # One whose time is to come is of a clock that was wrong. A file server that is down never answers. What find says is of a
  # directory that is missing: the first bundle makes it.
  timeout "$ANSWER_SECONDS" find -H "$directory" -maxdepth 1 -name "$whose-${day}T*.bundle" ! -newermt now \
    -printf '%T@ %p\n' 2>/dev/null | sort --numeric-sort | tail --lines 1 | cut --delimiter ' ' --fields 2-
}

LOOKED=0
BUNDLE=$(newest_bundle) || LOOKED=$? # a directory that was deleted has none

# Without its container no members are listed, which is said.
ETCD=$(timeout 10 crictl ps --quiet --name '^etcd$' 2>/dev/null | head --lines 1) || true

etcdctl() {
  local pki=/etc/kubernetes/pki/etcd
  timeout 15 crictl exec "$ETCD" etcdctl --command-timeout 10s --cacert "$pki/ca.crt" --cert "$pki/server.crt" \
    --key "$pki/server.key" --endpoints https://127.0.0.1:2379 "$@"
}

# keys_of_secrets: NAME=COUNT of each key that Secrets are written with, where the stack encrypts, or did. Their values are in a
# pipe only.
keys_of_secrets() {
  local writers
  [[ -e /etc/kubernetes/api-server/encryption.yaml || -e $STATE/encryption ]] || return 0
  writers=$(secret_writers) || return 1
  awk 'NF {print $2 "=" $1}' <<<"$writers"
}

# age_of FILE: seconds since the file was written.
age_of() { echo $(($(date +%s) - $(stat --format %Y "$1"))); }

# states: ADDRESS=STATE of each member; the state is voter, learner, or unstarted for one that was never there.
states() {
  awk '$4 ~ /^(true|false)$/ {printf "%s=%s ", $2, ($3 == "-" ? "unstarted" : ($4 == "true" ? "learner" : "voter"))}' <<<"$1"
}

if [[ -e $STATE/initialized ]]; then
  fact initialized_age "$(age_of "$STATE/initialized")"
  if ((LOOKED == 124)); then
    fact bundle_failure "no answer of the directory of bundles within $ANSWER_SECONDS s"
  elif [[ -f $BUNDLE ]]; then
    fact bundle_age "$(age_of "$BUNDLE")"
  fi
  if systemctl --quiet is-failed kubernetes-backup.service; then
    fact bundle_failure "$(sed --quiet 's/^  saw //p' /var/log/pulumi-kubeadm/snapshot.log 2>&1)"
  fi
  if grep --quiet -e --force-new-cluster /etc/kubernetes/manifests/etcd.yaml 2>/dev/null; then fact etcd_forgets yes; fi
  # An answer without its end is none.
  if MEMBERS=$(etcd_members 2>&1) &&
    STATUS=$(etcdctl endpoint status --write-out fields 2>&1) && [[ $STATUS == *'"Leader" : '* ]] &&
    ALARMS=$(etcdctl alarm list --write-out json 2>&1) && [[ $ALARMS == *'"header":{'*@("}}"|"}]}") ]]; then
    fact etcd_members "$(states "$MEMBERS")"
    fact etcd_status "$(sed --quiet --regexp-extended 's/^"(Leader|DBSize|DBSizeInUse)" : ([0-9]+)$/\1=\2/p' <<<"$STATUS")"
    fact etcd_alarms "$(grep --only-matching '"alarm":[0-9]*' <<<"$ALARMS" | sed 's/.*:1$/NOSPACE/; s/.*:2$/CORRUPT/')"
    if WRITERS=$(keys_of_secrets 2>/dev/null); then fact secret_writers "$WRITERS"; fi # without an answer it is no fact
  else
    SAID=${ALARMS-${STATUS-$MEMBERS}} # of the last one that was asked
    fact etcd_failure "${SAID:-an empty answer of etcdctl}"
  fi
  # The last one counts, where the argument stands twice.
  fact etcd_quota "$(sed --quiet 's/.*--quota-backend-bytes=//p' /etc/kubernetes/manifests/etcd.yaml | tail --lines 1)"
fi
