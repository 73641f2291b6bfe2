# shellcheck shell=bash
# A control plane has the certificate for which it seals secrets that its steps return.
# Needs: lib/results.sh
. "$LIBRARY/lib/results.sh"

if is_staged "$RESULTS_RECIPIENT"; then put "$RESULTS_RECIPIENT"; fi
