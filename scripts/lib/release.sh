# shellcheck shell=bash
# The release of this machine, by which archives of packages are sorted.

# release_of_machine: `debian` or `ubuntu`, and the code name, such as `debian trixie`. Derivatives name the release that they
# are made from. Nothing where there is none, as of Debian unstable.
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

# leaves_release SOURCE: whether the staged source list leaves the release to the machine.
leaves_release() { grep --quiet '{distribution}\|{codename}' "$STAGING/files$1"; }

# fill_in_release SOURCE: the release of this machine, in a staged source list that leaves it to the machine.
fill_in_release() {
  local release
  leaves_release "$1" || return 0
  release=$(release_of_machine)
  [[ -z $release ]] || sed --in-place "s/{distribution}/${release% *}/g; s/{codename}/${release#* }/g" "$STAGING/files$1"
}
