# shellcheck shell=bash
# When certificates expire.

# expiry: the day, of the certificate on standard input.
expiry() {
  local end
  end=$(openssl x509 -noout -enddate)
  date --utc --date "${end#*=}" +%F
}

# kubeconfig_expiry FILE: the day, of its user's certificate.
kubeconfig_expiry() { sed --quiet 's/^ *client-certificate-data: //p' "$1" | base64 --decode | expiry; }
