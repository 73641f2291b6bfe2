# shellcheck shell=bash
# Programs that scripts need are installed: small installations and images of clouds lack some of them.
# Needs: lib/apparmor.sh lib/packages.sh

. "$LIBRARY/lib/apparmor.sh"
. "$LIBRARY/lib/packages.sh"

if is_staged "$APT_PROXY"; then put "$APT_PROXY"; fi

missing=()
while read -r program package; do
  command -v "$program" >/dev/null || missing+=("$package")
done <<'PROGRAMS'
curl curl
gpg gnupg
modprobe kmod
openssl openssl
sysctl procps
update-ca-certificates ca-certificates
PROGRAMS
# Pods of a prepared machine run without profiles: with apparmor its next boot would confine them.
if kernel_has_apparmor && ! command -v apparmor_parser >/dev/null && ! is_marked "$PREPARED_MARK"; then
  missing+=(apparmor)
fi

if ((${#missing[@]} > 0)); then
  apt_get update
  apt_get install --no-install-recommends "${missing[@]}"
  changed "${missing[*]} installed, which scripts need"
fi
