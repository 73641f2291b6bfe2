# shellcheck shell=bash
# Answers of etcdctl on which a step decides: whole, or none at all. `kubectl exec`, whose client crictl has, may lose the end
# of an output and succeed (kubernetes/kubernetes 124571). `make status` sends this file, too, so the file sources no other
# one.
# Needs: lib/etcd.sh

# cut_off: report an answer that is cut off, and fail.
cut_off() {
  echo "an answer of etcdctl that is cut off" >&2
  return 1
}

# etcd_members: a line for each member: ID, address, client URL or "-" before it started, and whether it is a learner. etcdctl
# prints the list as JSON, whose end shows that the list is whole; a list of lines may be cut off behind any line.
etcd_members() {
  local list members id others
  list=$(etcdctl member list --write-out json) || return 1
  [[ $list == *'"members":[{'*'}]}' ]] || cut_off || return 1
  # Quotes separate the fields: a text is two fields behind its name. An ID is a number, one field behind its name; it stays a
  # text, because awk has no numbers of this size.
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

# secret_writers: a line `COUNT NAME` for each key that Secrets in etcd are written with. etcdctl prints a value escaped, in
# one line, so a Secret cannot look like another line. etcdctl prints the number of all values last.
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
