# shellcheck shell=bash
# Package repositories are there, each trusted by its own key and by no other.
# Needs: KEYRINGS PROXY_VARIABLES; lib/packages.sh

. "$LIBRARY/lib/packages.sh"

# KEYRINGS has a line per repository: keyring path, fingerprint, and the URL to fetch it from or "-" where it is staged.
fingerprints_of() {
  gpg --batch --quiet --no-options --homedir "$STAGING" --show-keys --with-colons "$1" 2>/dev/null |
    awk -F: '$1 == "fpr" {print $10}'
}

fetch_keyring() {
  local path=$1 url=$2 proxy=()
  mkdir -p "$(dirname "$STAGING/files$path")"
  [[ -z $PROXY_VARIABLES ]] || mapfile -t proxy <<<"$PROXY_VARIABLES"
  env "${proxy[@]}" curl --silent --show-error --fail --location --retry 2 --max-time 30 \
    --output "$STAGING/files$path" "$url" 2>"$STAGING/curl" ||
    fail "the repository's key at $url" "$(<"$STAGING/curl")" "curl -v $url"
  chmod 0644 "$STAGING/files$path"
}

if is_staged "$APT_PROXY"; then put "$APT_PROXY"; fi

command -v gpg >/dev/null || {
  apt_get update
  apt_get install --no-install-recommends gnupg
}

read_by_apt=()
while read -r path fingerprint url; do
  [[ -n $path ]] || continue
  [[ $url == - ]] || fetch_keyring "$path" "$url"
  fingerprints=$(fingerprints_of "$STAGING/files$path") || fingerprints="no key that gpg can read"
  grep --quiet --line-regexp "$fingerprint" <<<"$fingerprints" ||
    fail "a key with fingerprint $fingerprint" "$(head -n 3 <<<"$fingerprints")" \
      "compare the fingerprint with the one that the repository's owner publishes"
  put "$path"
  read_by_apt+=("$path")
done <<<"$KEYRINGS"

sources=$(staged_below /etc/apt/sources.list.d)
for source in $sources; do
  put "$source"
  read_by_apt+=("$source")
done
# apt reads its package lists anew only when one of these files changed: a run that changes nothing needs no network.
repositories=$(cat "${read_by_apt[@]}" | sha256sum)
if [[ $(mark "$PACKAGE_LISTS_MARK") != "$repositories" ]]; then
  apt_get update --error-on=any
  remember "$PACKAGE_LISTS_MARK" "$repositories"
fi
