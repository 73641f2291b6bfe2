# shellcheck shell=bash
# Files that kubeadm writes during an upgrade, and does not sync: a power cut may leave any of them empty, and then neither the
# kubelet nor the API server starts. A copy of each stays until the upgrade is on the disk.
# Needs: lib/kubeadm.sh lib/kubelet.sh

# keep_before_upgrade: copy the files, by path, into a directory that exists with all of them or not at all.
keep_before_upgrade() {
  local files
  files=$(
    find "$MANIFESTS" "$PKI" /etc/kubernetes/*.conf -type f
    find "$(dirname "$KUBELET_CONFIG")" -maxdepth 1 -type f -regex '.*\.\(yaml\|env\)'
  )
  rm -rf "$UPGRADE_BEFORE.new"
  mkdir "$UPGRADE_BEFORE.new"
  # cp of coreutils 9.1 looks for the parents of an absolute path below the working directory.
  (cd / && xargs --delimiter '\n' cp --preserve --parents --target-directory "$UPGRADE_BEFORE.new" <<<"$files")
  sync --file-system "$STATE"
  mv "$UPGRADE_BEFORE.new" "$UPGRADE_BEFORE"
  sync "$STATE"
}

# put_back_lost_files: put back what a power cut left empty, and nothing else: what is there may be of the new version already.
# A certificate comes back with its key.
put_back_lost_files() {
  local kept path lost=()
  [[ -d $UPGRADE_BEFORE ]] || return 0
  kept=$(find "$UPGRADE_BEFORE" -type f ! -empty -printf '/%P\n')
  while read -r path; do
    [[ -s $path ]] || lost+=("$path")
  done <<<"$kept"
  for path in "${lost[@]}"; do
    case $path in
      *.crt | *.key) cp --preserve "$UPGRADE_BEFORE${path%.*}".* "$(dirname "$path")/" ;;
      *) cp --preserve "$UPGRADE_BEFORE$path" "$path" ;;
    esac
    changed "$path, which a power cut had left empty, is as before the upgrade"
  done
  if ((${#lost[@]} > 0)); then
    sync_kubeadm_files
    systemctl restart kubelet
  fi
  drop "$UPGRADE_BEFORE"
}
