# shellcheck shell=bash
# Patches of kubeadm's manifests: arguments that kubeadm does not write by itself.
# Needs: ETCD_CLUSTER_STATE; lib/kubeadm.sh lib/written.sh

PATCHES=$STAGING/patches

# write_patches: write a patch of etcd's manifest. Without data, kubeadm's etcd begins a new cluster, on the first control
# plane and on each one after an upgrade: with a disk that is not mounted the API would serve an empty cluster.
write_patches() {
  mkdir -p "$PATCHES"
  printf '[{"op": "add", "path": "/spec/containers/0/command/-", "value": "--initial-cluster-state=%s"}]\n' \
    "$ETCD_CLUSTER_STATE" >"$PATCHES/etcd+json.json"
}

# write_etcd_manifest: write the manifest with the patch. kubeadm does not take --patches beside --config, so its configuration
# names the patches.
write_etcd_manifest() {
  local configuration=$STAGING/patched.yaml
  write_patches
  sed "s|^kind: InitConfiguration\$|&\npatches:\n  directory: $PATCHES|" "$KUBEADM_CONFIG" >"$configuration"
  forget_written "$MANIFESTS/etcd.yaml"
  run_kubeadm "kubeadm init phase etcd local --config $KUBEADM_CONFIG" init phase etcd local --config "$configuration"
}
