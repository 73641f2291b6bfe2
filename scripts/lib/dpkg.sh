# shellcheck shell=bash
# dpkg, beside other package managers, such as unattended-upgrades.

APT_LOCK_SECONDS=600

# with_dpkg COMMAND...: dpkg does not wait for its lock, also where apt-mark calls it. What the command says is in
# $STAGING/dpkg.
with_dpkg() {
  local began now
  began=$(uptime_seconds) || return 1
  until "$@" &>"$STAGING/dpkg"; do
    now=$(uptime_seconds) || return 1
    if ! grep --quiet lock "$STAGING/dpkg" || ((now - began >= APT_LOCK_SECONDS)); then return 1; fi
    sleep 1
  done
}
