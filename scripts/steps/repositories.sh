# shellcheck shell=bash
# The machine is fit and of this cluster, and apt has the passwords of package repositories. This step runs before prepare: a
# preview shows each line of the files of prepare, so prepare has no secret.
# Needs: NODE_IP; lib/keyrings.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/keyrings.sh"

# Nothing is changed on an unfit machine. A step of an older version has no values for the checks; prepare checks the machine,
# too.
if [[ -n ${NODE_IP:-} ]]; then
  . "$LIBRARY/parts/prepare/first_boot.sh"
  . "$LIBRARY/parts/prepare/machine.sh"
fi
. "$LIBRARY/parts/prepare/owner.sh"

put "$REPOSITORY_PASSWORDS"
remove_leftovers
step_is_done
