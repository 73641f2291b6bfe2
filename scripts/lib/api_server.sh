# shellcheck shell=bash
# Files that the API server reads when it starts, in a directory that it sees as a whole.

API_SERVER_FILES=/etc/kubernetes/api-server
AUDIT_LOGS=/var/log/kubernetes/audit
# shellcheck disable=SC2034 # those who source this file read it
ENCRYPTION=$API_SERVER_FILES/encryption.yaml

# put_policies: beside those of the running API server, whose names differ. A change that is taken back finds them.
put_policies() {
  local staged path
  staged=$(staged_below "$API_SERVER_FILES")
  while read -r path; do
    [[ $path == */audit-policy-* ]] || continue
    # Bodies of requests may be in it, where the policy is a person's own.
    install --directory --mode 0700 "$AUDIT_LOGS"
    put "$path"
  done <<<"$staged"
}

# remove_old_policies: once the API server runs without them.
remove_old_policies() {
  local policy
  for policy in "$API_SERVER_FILES"/audit-policy-*; do
    if [[ -e $policy ]] && ! is_staged "$policy"; then rm "$policy"; fi
  done
}
