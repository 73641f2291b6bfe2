# shellcheck shell=bash
# Prints the facts about etcd and its bundles for `make status`. The text follows host_facts.sh on a control plane.
# Needs: the function fact of host_facts.sh, and scripts/lib/etcd_answers.sh

first_line_of() { head --lines 1 "$1" 2>/dev/null || true; } # a mark that is gone is a fact of the host

# newest_bundle: time and path of the newest bundle of this machine. Other machines, also of clusters with the same name, may
# share the directory. There is none before the first bundle, and if no update with bundles was on the machine. lib/bundle.sh
# gives the names.
newest_bundle() {
  local directory whose day='[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'
  directory=$(sed --quiet 's/^directory=//p' /etc/kubernetes/backup/settings 2>/dev/null) || return 0
  whose="$(first_line_of "$STATE/cluster-name")-$(first_line_of "$STATE/owner")-$(first_line_of "$STATE/host-name")"
  # A bundle with a time in the future was made by a wrong clock. `timeout` ends a find that waits for a file server that is
  # down. An error of find is about a missing directory, which the first bundle makes.
  timeout "$ANSWER_SECONDS" find -H "$directory" -maxdepth 1 -name "$whose-${day}T*.bundle" ! -newermt now \
    -printf '%T@ %p\n' 2>/dev/null | sort --numeric-sort | tail --lines 1 | cut --delimiter ' ' --fields 2-
}

LOOKED=0
BUNDLE=$(newest_bundle) || LOOKED=$? # 124 without an answer; a deleted directory has no bundle

# Without a container of etcd, etcd_members fails, and its error is a fact.
ETCD=$(timeout 10 crictl ps --quiet --name '^etcd$' 2>/dev/null | head --lines 1) || true

etcdctl() {
  local pki=/etc/kubernetes/pki/etcd
  timeout 15 crictl exec "$ETCD" etcdctl --command-timeout 10s --cacert "$pki/ca.crt" --cert "$pki/server.crt" \
    --key "$pki/server.key" --endpoints https://127.0.0.1:2379 "$@"
}

# keys_of_secrets: NAME=COUNT of each key that Secrets are written with, if the stack encrypts or did encrypt. The values of
# Secrets are only in a pipe.
keys_of_secrets() {
  local writers
  [[ -e /etc/kubernetes/api-server/encryption.yaml || -e $STATE/encryption ]] || return 0
  writers=$(secret_writers) || return 1
  awk 'NF {print $2 "=" $1}' <<<"$writers"
}

# age_of FILE: seconds since the file was written.
age_of() { echo $(($(date +%s) - $(stat --format %Y "$1"))); }

# states: ADDRESS=STATE of each member. The state is voter, learner, or unstarted for a member that never started.
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
  # An answer without its end counts as no answer.
  if MEMBERS=$(etcd_members 2>&1) &&
    STATUS=$(etcdctl endpoint status --write-out fields 2>&1) && [[ $STATUS == *'"Leader" : '* ]] &&
    ALARMS=$(etcdctl alarm list --write-out json 2>&1) && [[ $ALARMS == *'"header":{'*@("}}"|"}]}") ]]; then
    fact etcd_members "$(states "$MEMBERS")"
    fact etcd_status "$(sed --quiet --regexp-extended 's/^"(Leader|DBSize|DBSizeInUse)" : ([0-9]+)$/\1=\2/p' <<<"$STATUS")"
    fact etcd_alarms "$(grep --only-matching '"alarm":[0-9]*' <<<"$ALARMS" | sed 's/.*:1$/NOSPACE/; s/.*:2$/CORRUPT/')"
    if WRITERS=$(keys_of_secrets 2>/dev/null); then fact secret_writers "$WRITERS"; fi # without an answer it is no fact
  else
    ERROR=${ALARMS-${STATUS-$MEMBERS}} # the answer to the last request
    fact etcd_failure "${ERROR:-an empty answer of etcdctl}"
  fi
  # The last argument counts if there are two.
  fact etcd_quota "$(sed --quiet 's/.*--quota-backend-bytes=//p' /etc/kubernetes/manifests/etcd.yaml | tail --lines 1)"
fi
