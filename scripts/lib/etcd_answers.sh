# shellcheck shell=bash
# Answers of etcdctl that decide something, as a whole or not at all. `kubectl exec`, whose client crictl has, loses the end of
# an output and succeeds (kubernetes/kubernetes 124571). `make status` sends this file, too: it stands alone.
# Needs: lib/etcd.sh

# cut_off: tell that an answer is none.
cut_off() {
  echo "an answer of etcdctl that is cut off" >&2
  return 1
}

# etcd_members: a line for each member: ID, address, client URL or "-" before it started, and whether it is a learner. The list
# is JSON: only the whole one ends with the end of its members, while one of lines may be cut off behind any line.
etcd_members() {
  local list members id others
  list=$(etcdctl member list --write-out json) || return 1
  [[ $list == *'"members":[{'*'}]}' ]] || cut_off || return 1
  # A field between quotes is the value of the one two before it, but for an ID, a number that awk could not hold.
  members=$(awk -F '"' -v RS='},[{]' '{
    url = "-"
    is_learner = "false"
    for (field = 1; field < NF; field++) {
      if ($field == "ID") id = $(field + 1)
      if ($field == "peerURLs") split($(field + 2), peer, /[:\/]+/)
      if ($field == "clientURLs") url = $(field + 2)
      if ($field == "isLearner") is_learner = "true"
    }
    gsub(/[:,]/, "", id)
    print id, peer[2], url, is_learner
  }' <<<"$list") || return 1
  while read -r id others; do
    printf '%x %s\n' "$id" "$others"
  done <<<"$members"
}

# secret_writers: a line `COUNT NAME` for each key that Secrets in etcd are written with. A value is one line of it, escaped: no
# Secret can look like another. The number of all comes last.
secret_writers() {
  etcdctl get /registry/secrets/ --prefix --write-out fields | awk '
    /^"Value" : / {
      values++
      writer = "identity"
      if (sub(/^"Value" : "k8s:enc:/, "")) writer = sub(/^secretbox:v1:/, "") ? substr($0, 1, index($0, ":") - 1) : "unknown"
      count[writer]++
    }
    /^"Count" : / {is_whole = $3 == values + 0}
    END {
      for (writer in count) print count[writer], writer
      exit !is_whole
    }
  ' | sort --key 2 || cut_off
}
