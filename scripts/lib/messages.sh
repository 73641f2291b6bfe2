# shellcheck shell=bash
# Finds the lines that say what failed, in all that kubeadm, apt-get and dpkg print.

# What such a line looks like. Of kubeadm: a finding of its preflight, the error that ends it, a health check that gave up, an
# error in the log format of klog. Of apt-get and dpkg: their errors and warnings. Without backslashes, which awk would remove.
FAILURE='^[[:space:]]*[[]ERROR |^(error|Error)[: ]|FATAL|level=fatal|^Unfortunately, an error has occurred|^panic:'
FAILURE+='|^[[][a-z-]+-check[]] .*(is not healthy|isn.t running|failed with error)|^[EF][0-9][0-9][0-9][0-9] '
FAILURE+='|^(E|W): |^Err:|^dpkg: error|^Errors were encountered|have unmet dependencies:$'
MOST_FAILURE_LINES=30

# failure_lines FILE: each such line of the output in the file with the indented lines that follow it, which give the reason;
# the last lines of an output that has none. Codes of a terminal are left out, as tput prints them too.
failure_lines() {
  local plain
  plain=$(sed --regexp-extended 's/\x1b(\[[0-9;?]*[A-Za-z]|\([A-Z0-9])//g; s/\r$//; /^[[:space:]]*$/d' "$1")
  awk -v failure="$FAILURE" -v most="$MOST_FAILURE_LINES" '
    $0 ~ failure { is_reason = 1 }
    !/^[[:space:]]/ && $0 !~ failure || /\[WARNING / { is_reason = 0 }
    is_reason && !seen[$0]++ && ++lines <= most
    END { exit lines == 0 }
  ' <<<"$plain" || tail -n 10 <<<"$plain"
}
