# shellcheck shell=bash
# Prints the facts about a host for `make status`, one a line: name, tab, value. Changes nothing. The caller sets PAUSE_IMAGE,
# the image; MARKS, the names of the marks of a node of this role; and PORTS, each ADDRESS:PORT that this host has to reach,
# between blanks.

RECENT='15 minutes ago'
ANSWER_SECONDS=10
PORT_SECONDS=3
A_MOMENT_SECONDS=60
STATE=/var/lib/pulumi-kubeadm
export LC_ALL=C.UTF-8 # English, and a character of several bytes is one

# fact NAME VALUE: print a fact; 400 characters of the value are enough.
fact() {
  local value=${2//[$'\n\t']/ }
  printf '%s\t%s\n' "$1" "${value:0:400}"
}

# output_of PROGRAM...: the output of a program. If it fails, is missing or does not answer, its error is the output.
output_of() {
  local output status=0
  output=$(timeout "$ANSWER_SECONDS" "$@" 2>&1) || status=$?
  if ((status == 124)); then output+=" (no answer of $1 within $ANSWER_SECONDS s)"; fi
  printf '%s\n' "$output" # the caller decides by the output
}

# word_or_output WORD PROGRAM...: the word if the program succeeds, otherwise its output.
word_or_output() {
  local word=$1
  shift
  if timeout "$ANSWER_SECONDS" "$@" &>/dev/null; then echo "$word"; else output_of "$@"; fi
}

# state_of UNIT: `active`, or the answer of systemd. A unit that ends at once and is started again is active at some moments.
# The number of restarts alone does not decide: the restarts may be old, and a service may end once, as if the API does not
# answer it.
state_of() {
  local output restarts since uptime
  output=$(output_of systemctl is-active "$1")
  if [[ $output == active ]]; then
    restarts=$(output_of systemctl show --property NRestarts --value "$1")
    since=$(output_of systemctl show --property ActiveEnterTimestampMonotonic --value "$1")
    read -r uptime _ </proc/uptime
    if [[ $restarts =~ ^[0-9]+$ && $since =~ ^[0-9]+$ ]] &&
      ((restarts > 2 && ${uptime%.*} - since / 1000000 < A_MOMENT_SECONDS)); then
      output+=", after it ended and was started again, $restarts times"
    fi
  fi
  printf '%s\n' "$output"
}

# units: services and timers of this project on the host. No other fact shows that one of them does not run.
units() {
  local path
  for path in /etc/systemd/system/kubernetes-*.{service,timer}; do
    if grep --quiet --no-messages --extended-regexp '^(Restart=always|OnCalendar=)' "$path"; then printf '%s ' "${path##*/}"; fi
  done
}

# gone_files: files that steps, or kubeadm for the kubelet, put in place and that are gone. The list has containerd's file
# under another name.
gone_files() {
  local path listed
  for path in /etc/kubernetes/manifests/{etcd,kube-{apiserver,controller-manager,scheduler}}.yaml \
    /var/lib/kubelet/{config.yaml,kubeadm-flags.env}; do
    [[ ! -e $STATE/written-by-kubeadm/${path##*/} || -e $path ]] || printf '%s ' "$path"
  done
  [[ -d $STATE/files ]] || return 0
  listed=$(find "$STATE/files" -type f -exec sort --unique {} +) || printf '%s/files (unreadable) ' "$STATE"
  while read -r path; do
    [[ -z $path || $path == /etc/containerd/config.toml.* || -e $path ]] || printf '%s ' "$path"
  done <<<"$listed"
}

gone_marks() {
  local name
  for name in $MARKS; do
    [[ $name != *:* || -e ${name#*:} ]] || continue # NAME:PATH is needed only on a machine with the file
    name=${name%%:*}
    [[ -e $STATE/$name ]] || printf '%s ' "$STATE/$name"
  done
}

is_there() { if [[ -e $1 ]]; then echo yes; else echo no; fi; }

# try_port ADDRESS:PORT: a fact about a port that this machine cannot connect to: no answer, or the error of the kernel.
try_port() {
  local seen status=0
  # shellcheck disable=SC2016 # the other bash reads them
  seen=$(timeout "$PORT_SECONDS" bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "${1%:*}" "${1#*:}" 2>&1) || status=$?
  case $status in
    0) ;;
    124) fact "port $1" "no answer within $PORT_SECONDS s" ;;
    *) fact "port $1" "${seen##*: }" ;;
  esac
}

# last_line_with UNIT PATTERN: the last line of the journal with the pattern, or the error of a journal that does not answer.
last_line_with() {
  local output status=0
  output=$(timeout "$ANSWER_SECONDS" journalctl --unit "$1" --since "$RECENT" --no-pager --output cat 2>&1) || status=$?
  if ((status != 0)); then
    printf 'journalctl: %s\n' "${output:-no answer within $ANSWER_SECONDS s}"
    return
  fi
  grep --extended-regexp --ignore-case "$2" <<<"$output" | tail --lines 1 || true # no such line is no error
}

# Ports are tried side by side, because a large cluster has hundreds. Each fact is written in one piece.
for port in $PORTS; do try_port "$port" & done
fact containerd_program "$(command -v containerd || true)" # empty on a machine without an update
fact containerd "$(state_of containerd)"
fact containerd_log "$(last_line_with containerd 'level=fatal|^containerd: ')"
fact kubelet "$(state_of kubelet)"
for unit in $(units); do fact "unit $unit" "$(state_of "$unit")"; done
fact cri "$(word_or_output serves crictl info)"
reads=$(output_of containerd config dump)
# The file itself says it where containerd cannot read it; no such line, and no file, is the good case.
fact cri_disabled "$(printf '%s\n' "$reads" | cat - /etc/containerd/config.toml 2>/dev/null |
  grep --extended-regexp '^ *disabled_plugins.*cri' | head --lines 1 || true)"
fact pause_configured "$(sed --quiet --regexp-extended "s/^ *(sandbox_image|sandbox) = ['\"](.*)['\"]\$/\2/p" <<<"$reads")"
fact pause_present "$(word_or_output yes crictl inspecti --quiet "$PAUSE_IMAGE")"
fact pause_log "$(last_line_with containerd 'failed to (get|pull).*(sandbox|pause).*image|pull.*pause.*(failed|error)')"
fact cni "$(find /etc/cni/net.d -name '*.conf*' 2>/dev/null | head --lines 1)"
fact stop_timeout "$(output_of busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 \
  org.freedesktop.systemd1.Manager DefaultTimeoutStopUSec)"
fact conntrack_max "$(output_of sysctl --values net.netfilter.nf_conntrack_max)"
fact joined "$(is_there /etc/kubernetes/kubelet.conf)"
fact marks_gone "$(gone_marks)"
fact cluster_data "$(is_there /var/lib/etcd/member)"
fact files_gone "$(gone_files)"
fact join_log "$(grep --no-messages --no-filename --ignore-case --extended-regexp \
  'unauthorized|expired|invalid for this cluster' \
  /var/log/pulumi-kubeadm/*join* | tail --lines 1 || true)" # no log without an attempt to join
wait
