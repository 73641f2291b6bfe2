# shellcheck shell=bash
# A control plane approves the serving certificates of kubelets, as soon as there is a cluster.
# Needs: lib/own_service.sh lib/serving_certificates.sh
. "$LIBRARY/lib/serving_certificates.sh"

if is_staged "$APPROVAL_UNIT_FILE"; then
  put "$APPROVAL_SCRIPT"
  put "$APPROVAL_UNIT_FILE"
  run_service "$APPROVAL_UNIT" "$APPROVAL_SCRIPT" "$APPROVAL_MARK" "$APPROVAL" "journalctl -u $APPROVAL_UNIT"
fi
