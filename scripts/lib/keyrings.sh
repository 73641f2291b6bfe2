# shellcheck shell=bash
# Keyrings of package repositories. apt trusts every key in a keyring, so a keyring holds the keys that the stack names, and no
# other. Each line of KEYRINGS has the path of a keyring, its fingerprints, separated by commas, and the URL of the keys, or
# "-" if they are staged.

# Passwords of package repositories, by the step repositories. curl reads apt's format, too.
# shellcheck disable=SC2034 # those who source this file read it
REPOSITORY_PASSWORDS=/etc/apt/auth.conf.d/90pulumi-kubeadm.conf

# offline_gpg ARGUMENT...: gpg with a home of its own, and without options, agents and network.
offline_gpg() {
  (umask 077 && mkdir -p "$STAGING/gpg")
  gpg --batch --quiet --no-options --homedir "$STAGING/gpg" --no-autostart --disable-dirmngr --no-auto-key-retrieve "$@"
}

# primary_keys FILE: fingerprints of the primary keys in the file, sorted, one a line; a subkey belongs to a primary key.
primary_keys() {
  offline_gpg --show-keys --with-colons "$1" 2>/dev/null |
    awk -F: '$1 == "fpr" && before == "pub" {print $10} {before = $1}' | sort
}

# named_keys FINGERPRINTS: the fingerprints in the form in which primary_keys prints them.
named_keys() { sort --unique <<<"${1//,/$'\n'}"; }
