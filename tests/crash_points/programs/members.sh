# shellcheck shell=bash
# Members of etcd, as `etcdctl member list` prints them.

# members_as_json: lines of a list, on standard input, as `--write-out json`. Without processes of its own.
members_as_json() {
  local id name peer client is_learner text=
  while IFS=, read -r id _ name peer client is_learner; do
    printf -v id %u "0x$id"
    [[ -z ${client// /} ]] || client=",\"clientURLs\":[\"${client# }\"]"
    [[ $is_learner == *true ]] && is_learner=',"isLearner":true' || is_learner=
    text+=",{\"ID\":$id,\"name\":\"${name# }\",\"peerURLs\":[\"${peer# }\"]${client# }$is_learner}"
  done
  printf '{"header":{"member_id":1},"members":[%s]}\n' "${text#,}"
}
