# shellcheck shell=bash
# Puts a bundle on a machine without a cluster. The init of the next update begins with the etcd and the keys in the bundle.
# Needs: BUNDLE_DESCRIPTOR CLUSTER_ID; lib/kubeadm.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/restore.sh"

trap 'rm -rf "$RESTORE.new"' EXIT
there=() next="kubeadm reset --force; rm -rf /etc/cni/net.d /var/lib/etcd/* /etc/kubernetes $STATE"
for path in "$ADMIN_CONF" "$KUBELET_CONF" "$MANIFESTS" "$PKI" /var/lib/etcd "$STATE/$INITIALIZED_MARK"; do
  [[ -e $path || -L $path ]] || continue
  # Empty directories are accepted: a package may have made them, or a disk is mounted there.
  file=$(find -H "$path" ! -type d -print -quit 2>"$STAGING/find") ||
    fail "$path to be legible" "$(<"$STAGING/find")" "ls -lR $path"
  [[ -z $file ]] || there+=("$file")
done
owner=$(mark "$OWNER_MARK")
if [[ -n $owner && $owner == "$CLUSTER_ID" ]]; then
  next=$RESET # leaves $STATE: the next update does not prepare this machine again
elif [[ -n $owner ]]; then
  there+=("$STATE/$OWNER_MARK")
fi
((${#there[@]} == 0)) ||
  fail "a machine without a cluster" "${there[*]}" "where that cluster is lost, on $HOST_NAME: sudo sh -c '$next'; then again"
if [[ -d $RESTORE ]]; then drop "$RESTORE"; fi # an init would begin with half of it
mkdir "$RESTORE.new"
# The bundle is an open file on the disk, without a name: /run may be too small.
tar --extract --gzip --no-same-owner --file - --directory "$RESTORE.new" <&"$BUNDLE_DESCRIPTOR" 2>"$STAGING/tar" ||
  fail "room for the content of the bundle" "$(tail -n 3 "$STAGING/tar")" "df -h $STATE; then again"
(cd "$RESTORE.new" && sha256sum --check --quiet --strict SHA256SUMS) 2>"$STAGING/sums" ||
  fail "a bundle whose checksums are right" "$(<"$STAGING/sums")" "make restore STACK=... BUNDLE=..., another bundle"
sync --file-system "$STATE"
mv "$RESTORE.new" "$RESTORE"
sync "$STATE"
changed "the bundle is ready in $RESTORE"
step_is_done
