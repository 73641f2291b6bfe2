# shellcheck shell=bash
# Lays a bundle ready on a machine without a cluster: the init of the next update begins with the etcd and the keys in it.
# Needs: lib/kubeadm.sh lib/restore.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/restore.sh"

there=()
for path in "$ADMIN_CONF" "$KUBELET_CONF" "$MANIFESTS" "$STATE/$OWNER_MARK" /var/lib/etcd/member; do
  [[ ! -e $path ]] || there+=("$path")
done
((${#there[@]} == 0)) || fail "a machine without a cluster" "${there[*]}" \
  "where that cluster is lost, on $HOST_NAME: sudo sh -c 'kubeadm reset --force; rm -rf /etc/cni/net.d /var/lib/etcd/* \
/etc/kubernetes $STATE'; then again"
rm -rf "$RESTORE" "$RESTORE.new"
mkdir "$RESTORE.new"
base64 --decode "$STAGING/files/bundle" | tar --extract --gzip --no-same-owner --directory "$RESTORE.new"
(cd "$RESTORE.new" && sha256sum --check --quiet --strict SHA256SUMS) 2>"$STAGING/sums" ||
  fail "a bundle whose checksums are right" "$(<"$STAGING/sums")" "another bundle"
sync --file-system "$STATE"
mv "$RESTORE.new" "$RESTORE"
sync "$STATE"
changed "the bundle is ready in $RESTORE"
step_is_done
