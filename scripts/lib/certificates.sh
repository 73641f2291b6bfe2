# shellcheck shell=bash
# When certificates expire.

# expiry: the day on which the certificate on standard input expires.
expiry() {
  local end
  end=$(openssl x509 -noout -enddate)
  date --utc --date "${end#*=}" +%F
}

# kubeconfig_expiry FILE: the day on which the certificate of the kubeconfig's user expires.
kubeconfig_expiry() { sed --quiet 's/^ *client-certificate-data: //p' "$1" | base64 --decode | expiry; }
