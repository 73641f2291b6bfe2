# shellcheck shell=bash
# Secrets that a step returns.

RESULTS_RECIPIENT=/etc/kubernetes/results/recipient.pem

# return_secret FILE: print the file, sealed for the key in the state of the stack. If a session is lost behind its last line,
# Pulumi repeats what was printed.
return_secret() {
  openssl cms -encrypt -binary -aes-256-cbc -outform PEM -in "$1" "$RESULTS_RECIPIENT" 2>"$STAGING/openssl" ||
    fail "openssl to seal a result for $RESULTS_RECIPIENT" "$(tail -n 3 "$STAGING/openssl")" \
      "make repair STACK=... HOST=$HOST_NAME; then pulumi up"
}
