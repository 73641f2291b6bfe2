# shellcheck shell=bash
# The machine is of this cluster, and apt has the passwords of package repositories. It runs before prepare, which shows each
# line of its files and so has no secret.
# Needs: lib/keyrings.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/keyrings.sh"
. "$LIBRARY/parts/prepare/owner.sh"

put "$REPOSITORY_PASSWORDS"
remove_leftovers
step_is_done
