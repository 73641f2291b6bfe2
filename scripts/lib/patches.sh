# shellcheck shell=bash
# Patches of kubeadm's manifests: arguments that kubeadm does not write by itself.
# Needs: ETCD_CLUSTER_STATE; lib/kubeadm.sh lib/written.sh

PATCHES=$STAGING/patches

# write_patches: for the first control plane, and for each one in an upgrade, kubeadm writes an etcd that begins a new cluster
# where it finds no data: with a disk that is not mounted the API would serve an empty cluster.
write_patches() {
  mkdir -p "$PATCHES"
  printf '[{"op": "add", "path": "/spec/containers/0/command/-", "value": "--initial-cluster-state=%s"}]\n' \
    "$ETCD_CLUSTER_STATE" >"$PATCHES/etcd+json.json"
}

# write_etcd_manifest: beside --config kubeadm takes no --patches.
write_etcd_manifest() {
  local configuration=$STAGING/patched.yaml
  write_patches
  sed "s|^kind: InitConfiguration\$|&\npatches:\n  directory: $PATCHES|" "$KUBEADM_CONFIG" >"$configuration"
  forget_written "$MANIFESTS/etcd.yaml"
  run_kubeadm "kubeadm init phase etcd local --config $KUBEADM_CONFIG" init phase etcd local --config "$configuration"
}
