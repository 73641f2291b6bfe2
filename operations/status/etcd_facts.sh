# shellcheck shell=bash
# Follows host_facts.sh on a control plane: what `make status` wants to know of etcd, and of its bundles.
# Needs: the function fact of host_facts.sh

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
    --key "$pki/server.key" --endpoints https://127.0.0.1:2379 "$@" 2>&1
}

# secret_writers: NAME=COUNT of each key that Secrets are written with, as lib/encryption.sh of the scripts has them; where the
# stack encrypts, or did. Their values are in a pipe only.
secret_writers() {
  [[ -e /etc/kubernetes/api-server/encryption.yaml || -e $STATE/encryption ]] || return 0
  etcdctl get /registry/secrets/ --prefix --write-out fields | awk '
    /^"Value" : / {
      values++
      writer = "identity"
      if (sub(/^"Value" : "k8s:enc:/, "")) writer = sub(/^secretbox:v1:/, "") ? substr($0, 1, index($0, ":") - 1) : "unknown"
      count[writer]++
    }
    /^"Count" : / {is_whole = $3 == values + 0}
    END {
      for (writer in count) printf "%s=%s ", writer, count[writer]
      exit !is_whole
    }
  '
}

# age_of FILE: seconds since the file was written.
age_of() { echo $(($(date +%s) - $(stat --format %Y "$1"))); }

# members: ADDRESS=STATE of each member; the state is voter, learner, or unstarted for one that was never there.
members() {
  awk -F ', ' 'NF >= 6 {
    split($4, peer, /[:\/]+/)
    printf "%s=%s ", peer[2], ($5 == "" ? "unstarted" : ($6 == "true" ? "learner" : "voter"))
  }' <<<"$1"
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
  # An empty answer is none, but that to the last question.
  if MEMBERS=$(etcdctl member list) && [[ $MEMBERS == *", "@(true|false)* ]] &&
    STATUS=$(etcdctl endpoint status --write-out fields) && [[ $STATUS == *'"Leader" : '* ]] &&
    ALARMS=$(etcdctl alarm list); then
    fact etcd_members "$(members "$MEMBERS")"
    fact etcd_status "$(sed --quiet --regexp-extended 's/^"(Leader|DBSize|DBSizeInUse)" : ([0-9]+)$/\1=\2/p' <<<"$STATUS")"
    fact etcd_alarms "$(grep --only-matching --extended-regexp '\b[A-Z]{5,}\b' <<<"$ALARMS" | sort --unique)"
    if WRITERS=$(secret_writers); then fact secret_writers "$WRITERS"; fi # without an answer it is no fact
  else
    SAID=${ALARMS-${STATUS-$MEMBERS}} # of the last one that was asked
    fact etcd_failure "${SAID:-an empty answer of etcdctl}"
  fi
  # The last one counts, where the argument stands twice.
  fact etcd_quota "$(sed --quiet 's/.*--quota-backend-bytes=//p' /etc/kubernetes/manifests/etcd.yaml | tail --lines 1)"
fi
