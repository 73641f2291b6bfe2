#!/bin/bash
# mmdebstrap runs this on the host, with the new root file system and names of packages as its arguments: these packages
# of the same Debian, also those that are installed, and what they need beside what is installed, are in a package repository
# on the machine's disk.
set -euo pipefail
root=$1
shift

export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG
apt-get clean # of what mmdebstrap has just installed
apt-get --yes --quiet=2 --no-install-recommends --download-only --reinstall install "$@"
mkdir "$root/var/lib/debian-packages"
mv "$root"/var/cache/apt/archives/*.deb "$root/var/lib/debian-packages"
cd "$root/var/lib/debian-packages"
unset APT_CONFIG # the host's own apt-ftparchive indexes
apt-ftparchive packages . >Packages
