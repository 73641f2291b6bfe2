# shellcheck shell=bash
# Rules of iptables, beside programs of the machine's owner that write theirs at any moment.

# rules_without PATTERN: of rules as iptables-save prints them, what `iptables-restore --noflush` needs to take chains and rules
# with the pattern away. It names no other rule: one that came or went since the look is as its program left it.
rules_without() {
  awk -v pattern="$1" '
    /^[*]/ {print; ends = ""; split("", chains)}
    /^:/ && $1 ~ pattern {print; chain = substr($1, 2); chains[chain]; ends = ends "-X " chain "\n"}
    $1 == "-A" && !($2 in chains) && $0 ~ pattern {sub(/^-A/, "-D"); print}
    $1 == "COMMIT" {printf "%s", ends; print}
  '
}
