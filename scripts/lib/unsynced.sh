# shellcheck shell=bash
# Files that kubeadm writes during an upgrade or a renewal, and does not sync. A power cut may leave any of them empty, and
# then neither the kubelet nor the API server starts. So a copy of each is kept until the new ones are on the disk.
# Needs: lib/kubeadm.sh lib/kubelet.sh

# keep_unsynced: copy the files, by path, into a directory that exists with all of them or not at all.
keep_unsynced() {
  local files
  files=$(
    find -H "$MANIFESTS" "$PKI" /etc/kubernetes/*.conf -type f
    find -H "$(dirname "$KUBELET_CONFIG")" -maxdepth 1 -type f -regex '.*\.\(yaml\|env\)'
  )
  rm -rf "$UNSYNCED_BEFORE.new"
  mkdir "$UNSYNCED_BEFORE.new"
  # cp of coreutils 9.1 looks for the parents of an absolute path below the working directory.
  (cd / && xargs --delimiter '\n' cp --preserve --parents --target-directory "$UNSYNCED_BEFORE.new" <<<"$files")
  sync --file-system "$STATE"
  mv "$UNSYNCED_BEFORE.new" "$UNSYNCED_BEFORE"
  sync "$STATE"
}

# put_back_lost_files: put back the files that a power cut left empty, and no others: a file that is not empty may be of the
# new version already. A certificate comes back with its key.
put_back_lost_files() {
  local kept path lost=()
  [[ -d $UNSYNCED_BEFORE ]] || return 0
  kept=$(find "$UNSYNCED_BEFORE" -type f ! -empty -printf '/%P\n')
  while read -r path; do
    [[ -s $path ]] || lost+=("$path")
  done <<<"$kept"
  for path in "${lost[@]}"; do
    case $path in
      *.crt | *.key) cp --preserve "$UNSYNCED_BEFORE${path%.*}".* "$(dirname "$path")/" ;;
      *) cp --preserve "$UNSYNCED_BEFORE$path" "$path" ;;
    esac
    changed "$path, which a power cut had left empty, is as it was before"
  done
  if ((${#lost[@]} > 0)); then
    sync_kubeadm_files
    systemctl restart kubelet
  fi
  drop "$UNSYNCED_BEFORE"
}
