# shellcheck shell=bash
# Patches of kubeadm's manifests: arguments that kubeadm does not write by itself.
# Needs: ETCD_CLUSTER_STATE

# write_patches: for the first control plane, and for each one in an upgrade, kubeadm writes an etcd
# that begins a new cluster where it finds no data: with a disk that is not mounted the API would serve an empty cluster.
PATCHES=$STAGING/patches
write_patches() {
  mkdir -p "$PATCHES"
  printf '[{"op": "add", "path": "/spec/containers/0/command/-", "value": "--initial-cluster-state=%s"}]\n' \
    "$ETCD_CLUSTER_STATE" >"$PATCHES/etcd+json.json"
}
