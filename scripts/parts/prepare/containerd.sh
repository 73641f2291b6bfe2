# shellcheck shell=bash
# containerd runs with our configuration, in the format of the version that is installed.
# Needs: CONTAINERD_PACKAGE KUBERNETES_VERSION OLDEST_CONTAINERD; lib/apparmor.sh lib/containerd.sh lib/containerd_package.sh
#   lib/packages.sh

. "$LIBRARY/lib/apparmor.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/containerd_package.sh"
. "$LIBRARY/lib/packages.sh"

# An old version is refused before a package is installed or replaced. The part machine.sh did not have the package lists of
# the stack's repositories.
seen_version=$(containerd_version)
containerd_is_new_enough "$seen_version" ||
  fail "containerd $OLDEST_CONTAINERD or newer, for Kubernetes $KUBERNETES_VERSION" "${seen_version:-none}" \
    "name a repository with a newer one in the stack file: containerd.repository, containerd.package"

if ! containerd_is_installed; then
  apt_get install --no-install-recommends "$CONTAINERD_PACKAGE"
  changed "$CONTAINERD_PACKAGE is installed"
fi
# If runc may not end containers, pods never end, and a drain waits for them. A prepared machine is not refused: its owner has
# another way to end pods.
is_marked "$PREPARED_MARK" || runc_may_end_containers ||
  fail "a containerd whose containers runc may end, as this machine has AppArmor's profile of runc" "$(containerd --version)" \
    "on $HOST_NAME: apt-get update && apt-get install --only-upgrade $CONTAINERD_PACKAGE; or take the profile away: ln -s \
/etc/apparmor.d/runc /etc/apparmor.d/disable/ && apparmor_parser --remove /etc/apparmor.d/runc; then pulumi up"

format=$(containerd_format)
is_staged "$CONTAINERD_CONFIG.$format" ||
  fail "containerd 1 or 2" "$(containerd --version)" "choose another package with containerd.package in the stack file"
mv "$STAGING/files$CONTAINERD_CONFIG.$format" "$STAGING/files$CONTAINERD_CONFIG"

# The configuration of somebody else's containerd is kept, and a reset puts it back.
if [[ -f $CONTAINERD_CONFIG && ! -e $CONTAINERD_CONFIG_BEFORE ]] && ! is_marked "$PREPARED_MARK" &&
  ! cmp --silent "$CONTAINERD_CONFIG" "$STAGING/files$CONTAINERD_CONFIG"; then
  cp --preserve "$CONTAINERD_CONFIG" "$CONTAINERD_CONFIG_BEFORE.new"
  sync "$CONTAINERD_CONFIG_BEFORE.new"
  mv "$CONTAINERD_CONFIG_BEFORE.new" "$CONTAINERD_CONFIG_BEFORE"
  changed "the configuration of containerd as it was: $CONTAINERD_CONFIG_BEFORE"
fi
put_for_containerd "$CONTAINERD_CONFIG"
# A prepared machine is not refused: its pods run, and drift names the settings.
if ! is_marked "$PREPARED_MARK"; then
  lost=$(lost_settings)
  [[ -z $lost ]] || fail "the settings of the stack in what containerd reads" "other files in $CONTAINERD_DROP_INS, without
$lost" "write these into the last of the files, too, or move it away: ls $CONTAINERD_DROP_INS; then pulumi up"
fi
if is_staged "$CONTAINERD_PROXY"; then put_for_containerd "$CONTAINERD_PROXY"; fi
files=$(staged_below "$REGISTRIES")
for file in $files; do
  put "$file" # containerd reads these at each pull
done
systemctl --quiet enable containerd
restart_changed_containerd
put /etc/crictl.yaml
