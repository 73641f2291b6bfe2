# shellcheck shell=bash
# The service of a control plane that approves the serving certificates of kubelets, new ones and renewed ones.
# Needs: lib/own_service.sh
# shellcheck disable=SC2034 # those who source this file read the names
. "$LIBRARY/lib/own_service.sh"

APPROVAL="the service that approves certificates of kubelets"
APPROVAL_SCRIPT=/etc/kubernetes/serving-certificates/approve.sh
APPROVAL_UNIT=kubernetes-serving-certificates.service
APPROVAL_UNIT_FILE=/etc/systemd/system/kubernetes-serving-certificates.service

# stop_approval: this machine is no longer a control plane.
stop_approval() { end_service "$APPROVAL_UNIT" "$APPROVAL_MARK" "$APPROVAL"; }
