# shellcheck shell=bash
# Gives the host one version of the scripts, in a directory that is named after the checksum of its list of checksums, and
# makes it the current one. components/steps/scripts.py sends this file as text.
# Needs: PLACE, the directory of all versions; VERSION, the checksum; CLUSTER_ID, empty where the scripts go to a place of
# their own; SHARED_FILES, an archive in base64 of files that are named after their checksums, or nothing.

# is_whole: every file of this version exists, with the content that the version's name stands for.
is_whole() {
  local sum
  [[ -f $PLACE/$VERSION/SHA256SUMS ]] && sum=$(sha256sum <"$PLACE/$VERSION/SHA256SUMS") && [[ $sum == "$VERSION  -" ]] &&
    (cd "$PLACE/$VERSION" && sha256sum --check --status --strict SHA256SUMS)
}

# install_version: install the archive on standard input, which is in base64. After a power cut the current version is the
# former one, or this one as a whole: every file is on the disk before a link leads to it.
install_version() {
  local owner
  # Nobody else may hold the lock, or every step would wait.
  umask 077
  mkdir -p /run/pulumi-kubeadm
  # A step that runs, or waits for its turn, keeps its version until its end.
  exec {installing}>/run/pulumi-kubeadm/lock
  flock --wait 14400 "$installing"
  # The scripts of another cluster stay: they refuse the step, with the name of that cluster.
  owner=
  # An owner that is there and cannot be read ends the installation: it may be another cluster's.
  if [[ -e /var/lib/pulumi-kubeadm/owner ]]; then owner=$(cat /var/lib/pulumi-kubeadm/owner); fi
  if [[ -n $CLUSTER_ID && -n $owner && $owner != "$CLUSTER_ID" ]]; then return; fi
  umask 022
  mkdir -p "$PLACE"
  if ! is_whole; then
    rm -rf "${PLACE:?}/$VERSION" "$PLACE/unfinished"
    mkdir "$PLACE/unfinished"
    base64 --decode | tar --extract --gzip --no-same-owner --directory "$PLACE/unfinished"
    sync --file-system "$PLACE/unfinished"
    mv "$PLACE/unfinished" "$PLACE/$VERSION"
    is_whole || {
      echo "expected version $VERSION of the scripts in $PLACE, saw files with other checksums" >&2
      exit 1
    }
  fi
  if [[ -n $SHARED_FILES ]]; then
    rm -rf "$PLACE/files.new"
    mkdir "$PLACE/files.new"
    base64 --decode <<<"$SHARED_FILES" | tar --extract --gzip --no-same-owner --directory "$PLACE/files.new"
    sync --file-system "$PLACE/files.new"
    # Only the command that follows this installation reads them, and it checks their checksums.
    rm -rf "$PLACE/files"
    mv "$PLACE/files.new" "$PLACE/files"
  fi
  install --mode 0644 "$PLACE/$VERSION/run.sh" "$PLACE/run.sh.new"
  ln --symbolic --force --no-dereference "$VERSION" "$PLACE/current.new"
  sync --file-system "$PLACE"
  mv "$PLACE/run.sh.new" "$PLACE/run.sh"
  mv --no-target-directory "$PLACE/current.new" "$PLACE/current"
  find "$PLACE" -mindepth 1 -maxdepth 1 ! -name "$VERSION" ! -name current ! -name run.sh ! -name files -exec rm -rf {} +
  sync --file-system "$PLACE"
  exec {installing}>&-
}
