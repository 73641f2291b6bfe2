# shellcheck shell=bash
# Package repositories are there, each trusted by its own key and by no other.
# Needs: KEYRINGS PROXY_VARIABLES REPOSITORY_LOGINS; lib/keyrings.sh lib/packages.sh lib/release.sh

. "$LIBRARY/lib/keyrings.sh"
. "$LIBRARY/lib/packages.sh"
. "$LIBRARY/lib/release.sh"

AUTHORITIES=/etc/apt/authorities
AUTHORITIES_OF_APT=/etc/apt/apt.conf.d/90pulumi-kubeadm-authorities

fetch_keys() {
  local path=$1 url=$2 proxy=() protocols=() authority=() login=() server
  server=${url#*://}
  server=${server%%[:/?]*}
  if is_staged "$AUTHORITIES/${server,,}.crt"; then authority=(--cacert "$AUTHORITIES/${server,,}.crt"); fi
  if [[ -e $REPOSITORY_PASSWORDS ]]; then login=(--netrc-file "$REPOSITORY_PASSWORDS"); fi
  [[ -z $PROXY_VARIABLES ]] || mapfile -t proxy <<<"$PROXY_VARIABLES"
  [[ $url != https:* ]] || protocols=(--proto '=https' --proto-redir '=https')
  with_machine_proxy env "${proxy[@]}" curl --silent --show-error --fail --location "${protocols[@]}" \
    "${authority[@]}" "${login[@]}" --retry 2 --max-time 30 --output "$STAGING/files$path" "$url" 2>"$STAGING/curl" ||
    fetch_as_apt "$path" "$url" ||
    fail "the repository's key at $url" "$(<"$STAGING/curl")" "curl -v $url"
}

# fetch_as_apt PATH URL: fetch a file with the proxy that only apt knows, which may be the only way out. curl is tried first,
# because such a proxy may be a cache that has packages only.
fetch_as_apt() {
  apt_has_proxy || return 1
  PATH=$PATH:/usr/lib/apt timeout 120 apt-helper download-file "$2" "$STAGING/key" &>/dev/null || return 1
  install -D --mode 0644 "$STAGING/key" "$STAGING/files$1"
}

# keep_named_keys PATH FINGERPRINTS: leave the named keys in the staged file, as gpg exports them.
keep_named_keys() {
  local staged=$STAGING/files$1 wanted seen names
  wanted=$(named_keys "$2")
  mapfile -t names <<<"$wanted"
  rm -rf "$STAGING/gpg" # keys of another repository
  # A key that is not imported or exported here is missed below. For a named subkey gpg exports the primary key, which has
  # another fingerprint.
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

# refuse_other_entries SOURCE: apt reads no list at all where another file has the same repository with another keyring.
refuse_other_entries() {
  local address suite file others=()
  read -r _ _ address suite _ <"$STAGING/files$1"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    if [[ -f $file ]] && ! is_staged "$file" && has_entry "$file" "$address" "$suite"; then others+=("$file"); fi
  done
  ((${#others[@]} == 0)) ||
    fail "$address $suite in no other file than $1" "${others[*]}" \
      "on $HOST_NAME: rm ${others[*]}, or take the entry out of it; this stack writes its own, with the key that it names"
}

# has_entry FILE ADDRESS SUITE: whether apt reads this repository from the file. In one of the two formats of apt an entry is a
# line, in the other one the lines up to an empty one.
has_entry() {
  awk -v address="${2#*://}" -v suite="$3" '
    function end_entry() {
      if (has_address && has_suite && !is_off) found = 1
      has_address = has_suite = is_off = 0
    }
    BEGIN { wanted = address; sub(/[/]+$/, "", wanted) }
    /^[[:space:]]*#/ { next }
    /^[[:space:]]*$/ { end_entry() }
    tolower($0) ~ /^enabled:[[:space:]]*(no|false|without|off|disable|0)[[:space:]]*$/ { is_off = 1 }
    {
      for (i = 1; i <= NF; i++) {
        word = $i
        sub(/^[a-z+]+:[/][/]/, "", word)
        sub(/[/]+$/, "", word)
        if (word == wanted) has_address = 1
        if ($i == suite) has_suite = 1
      }
    }
    FILENAME ~ /[.]list$/ { end_entry() }
    END { end_entry(); exit !found }
  ' "$1"
}

# Without a login no step `repositories` runs and removes the file that it put, so this step removes it.
if [[ -z ${REPOSITORY_LOGINS:-} && -e $FILE_LISTS/repositories ]]; then
  rm -f "$REPOSITORY_PASSWORDS"
  rm "$FILE_LISTS/repositories"
  changed "removed $REPOSITORY_PASSWORDS"
fi
authorities=$(staged_below "$AUTHORITIES")
for authority in $authorities; do
  put "$authority"
done
if is_staged "$AUTHORITIES_OF_APT"; then put "$AUTHORITIES_OF_APT"; fi
sources=$(staged_below /etc/apt/sources.list.d)
for source in $sources; do
  fill_in_release "$source"
  refuse_other_entries "$source"
done

read_by_apt=()
while read -r path fingerprints url; do
  [[ -n $path ]] || continue
  [[ $url == - ]] || fetch_keys "$path" "$url"
  keep_named_keys "$path" "$fingerprints"
  put "$path"
  read_by_apt+=("$path")
done <<<"$KEYRINGS"

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
