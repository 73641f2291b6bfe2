# shellcheck shell=bash
# Package repositories are there, each trusted by its own key and by no other.
# Needs: KEYRINGS PROXY_VARIABLES; lib/keyrings.sh lib/packages.sh

. "$LIBRARY/lib/keyrings.sh"
. "$LIBRARY/lib/packages.sh"

fetch_keys() {
  local path=$1 url=$2 proxy=() protocols=()
  [[ -z $PROXY_VARIABLES ]] || mapfile -t proxy <<<"$PROXY_VARIABLES"
  [[ $url != https:* ]] || protocols=(--proto '=https' --proto-redir '=https')
  env "${proxy[@]}" curl --silent --show-error --fail --location "${protocols[@]}" --retry 2 --max-time 30 \
    --output "$STAGING/files$path" "$url" 2>"$STAGING/curl" ||
    fail "the repository's key at $url" "$(<"$STAGING/curl")" "curl -v $url"
}

# keep_named_keys PATH FINGERPRINTS: leave the named keys in the staged file, as gpg exports them.
keep_named_keys() {
  local staged=$STAGING/files$1 wanted seen names
  wanted=$(named_keys "$2")
  mapfile -t names <<<"$wanted"
  rm -rf "$STAGING/gpg" # keys of another repository
  # What fails here is missed below. The export of a named subkey is its primary key, which is another one.
  offline_gpg --import "$staged" &>/dev/null || true
  offline_gpg --armor --export "${names[@]}" >"$STAGING/keyring" 2>/dev/null || true
  seen=$(primary_keys "$STAGING/keyring") || seen=
  if [[ $seen != "$wanted" ]]; then
    seen=$(primary_keys "$staged") || seen="no key that gpg can read"
    fail "a key with fingerprint ${wanted//$'\n'/ and one with }" "$(head -n 3 <<<"$seen")" \
      "compare the fingerprint with the one that the repository's owner publishes"
  fi
  install --mode 0644 "$STAGING/keyring" "$staged"
}

if is_staged "$APT_PROXY"; then put "$APT_PROXY"; fi

command -v gpg >/dev/null || {
  apt_get update
  apt_get install --no-install-recommends gnupg
}

read_by_apt=()
while read -r path fingerprints url; do
  [[ -n $path ]] || continue
  [[ $url == - ]] || fetch_keys "$path" "$url"
  keep_named_keys "$path" "$fingerprints"
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
