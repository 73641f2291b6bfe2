# shellcheck shell=bash
# Files that the API server reads when it starts, in a directory that it sees as a whole.

API_SERVER_FILES=/etc/kubernetes/api-server
AUDIT_LOGS=/var/log/kubernetes/audit
# shellcheck disable=SC2034 # those who source this file read it
ENCRYPTION=$API_SERVER_FILES/encryption.yaml

# put_policies: put the audit policies beside those of the running API server, whose names differ. A change that is taken back
# finds the former policy.
put_policies() {
  local staged path
  staged=$(staged_below "$API_SERVER_FILES")
  while read -r path; do
    [[ $path == */audit-policy-* ]] || continue
    # A policy that a person wrote may log bodies of requests: only root reads the directory.
    install --directory --mode 0700 "$AUDIT_LOGS"
    put "$path"
  done <<<"$staged"
}

# remove_old_policies: delete the audit policies that are no longer staged, once the API server runs without them.
remove_old_policies() {
  local policy
  for policy in "$API_SERVER_FILES"/audit-policy-*; do
    if [[ -e $policy ]] && ! is_staged "$policy"; then rm "$policy"; fi
  done
}
