# shellcheck shell=bash
# The release of this machine, by which an archive sorts its packages.

# release_of_machine: `debian` or `ubuntu`, and the code name, such as `debian trixie`. A derivative names the release that it
# is made from. Without a code name, as in Debian unstable, nothing is printed.
release_of_machine() {
  (
    ID='' VERSION_CODENAME='' UBUNTU_CODENAME='' DEBIAN_CODENAME=''
    [[ ! -r /etc/os-release ]] || . /etc/os-release
    [[ $ID != ubuntu ]] || UBUNTU_CODENAME=$VERSION_CODENAME
    [[ $ID != debian ]] || DEBIAN_CODENAME=$VERSION_CODENAME
    if [[ -n $UBUNTU_CODENAME ]]; then
      echo "ubuntu $UBUNTU_CODENAME"
    elif [[ -n $DEBIAN_CODENAME ]]; then
      echo "debian $DEBIAN_CODENAME"
    fi
  )
}

# leaves_release SOURCE: whether the staged source list has a placeholder for the release of the machine.
leaves_release() { grep --quiet '{distribution}\|{codename}' "$STAGING/files$1"; }

# fill_in_release SOURCE: replace the placeholders in the staged source list with the release of this machine.
fill_in_release() {
  local release
  leaves_release "$1" || return 0
  release=$(release_of_machine)
  [[ -z $release ]] || sed --in-place "s/{distribution}/${release% *}/g; s/{codename}/${release#* }/g" "$STAGING/files$1"
}
