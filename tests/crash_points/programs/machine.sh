# shellcheck shell=bash
# The other programs of a machine, each by its name. None of them touches the machine that runs the tests.

systemctl() {
  case "$*" in
    *"is-enabled swap.target")
      [[ ! -e $WORLD/units/swap.target ]] || { echo masked && exit 1; }
      echo static
      ;;
    *unmask*) rm -f "$WORLD/units/swap.target" ;;
    *mask*) state units/swap.target masked ;;
    *is-active*containerd) [[ -s $WORLD/running/containerd ]] ;;
    *is-active*systemd-resolved) return 3 ;; # Debian has none
    *systemd-networkd | list-unit-files*) ;; # it runs, and no unit of its own turns swap on
    *"disable --now kubelet") rm -f "$WORLD/units/kubelet" "$WORLD/running/kubelet" ;;
    *enable*) state "units/${!#}" enabled ;;
    *daemon-reload)
      content "$ROOT"/etc/systemd/system/*/*.conf
      state running/units "$CONTENT"
      ;;
    *daemon-reexec)
      content "$ROOT"/etc/systemd/system.conf.d/*
      state running/systemd "$CONTENT"
      ;;
    *"restart containerd")
      content "$ROOT"/etc/containerd/*.toml
      fact running/units
      state running/containerd "$CONTENT $FACT"
      ;;
    *"restart kubelet") start_kubelet ;;
  esac
}

apt_get() {
  local word name
  case " $* " in
    *" update "*)
      content "$ROOT"/etc/apt/sources.list.d/* "$ROOT"/etc/apt/keyrings/*
      state apt/lists "$CONTENT"
      ;;
    *" install "*)
      [[ -s $WORLD/apt/lists ]] || exit 100
      for word in "$@"; do
        case $word in
          *=*-\*)
            name=${word%%=*}
            word=${word#*=}
            state "packages/$name" "${word%\*}1.1"
            ;;
          containerd)
            state packages/containerd 1.7.24-1
            # As the package does: the service starts, with whatever configuration there is.
            [[ -s $WORLD/running/containerd ]] || systemctl restart containerd
            ;;
        esac
      done
      ;;
  esac
}

apt_mark() {
  case $1 in
    hold) state "held/$2" held ;;
    unhold) rm -f "$WORLD/held/$2" ;;
    showhold) if [[ -d $WORLD/held ]]; then ls "$WORLD/held"; fi ;;
  esac
}

tell() { if [[ -e $WORLD/$1 ]]; then cat "$WORLD/$1"; fi; }

set_sysctls() {
  local name value
  while IFS=' =' read -r name value; do
    mkdir -p "$(dirname "$ROOT/proc/sys/${name//.//}")"
    printf '%s\n' "$value" >"$ROOT/proc/sys/${name//.//}"
  done <"$1"
}

ask_api_server() {
  case "$*" in
    *healthz*) kubelet_runs ;;
    *http_code*)
      meet
      printf 200
      ;;
    *--output*)
      while [[ $1 != --output ]]; do shift; done
      echo key >"$2"
      ;;
  esac
}

# restore_etcd ARGUMENT...: the program of etcd's image that makes data of a snapshot: of a complete cluster, with this node and
# one more.
restore_etcd() {
  local name
  local data=$* # of a list, the pattern below would be taken from each word
  data=${data#*--data-dir }
  data=${data%% *}
  [[ ! -e $data ]] || exit 1
  mkdir -p "$data/member/snap" "$data/member/objects" "$data/member/nodes/"{node9,"$HOST_NAME"}
  cp "$1" "$data/member/snap/db"
  for name in kubeadm-config kubelet-config kube-proxy coredns cluster-info of-bundle; do
    echo "of the bundle" >"$data/member/objects/$name"
  done
}

case ${0##*/} in
  ctr)
    case "$*" in
      *" etcdutl version") ;;
      *" --help") echo --bump-revision --data-dir ;;
      *" snapshot restore "*)
        while [[ $1 != restore ]]; do shift; done
        restore_etcd "${@:2}"
        ;;
    esac
    ;;
  date) if [[ $* == "--utc +"* ]]; then echo 20261126T000000Z; else exec /usr/bin/date "$@"; fi ;; # all runs are at one time
  systemctl) systemctl "$@" ;;
  apt-get) apt_get "$@" ;;
  apt-mark) apt_mark "$@" ;;
  apt-cache)
    case $1 in
      madison) for version in 1.36.3 1.36.4; do echo " $2 | $version-1.1 | repository"; done ;;
      policy) printf '%s:\n  Candidate: 1.7.24-1\n' "$2" ;;
    esac
    ;;
  dpkg-query)
    fact "packages/${!#}"
    [[ -n $FACT ]] || exit 1
    if [[ $* == *Version* ]]; then echo "installed $FACT"; else echo installed; fi
    ;;
  containerd)
    fact containerd-version
    echo "containerd github.com/containerd/containerd ${FACT:-1.7.24} x"
    ;;
  gpg)
    case "$*" in
      *--export*) echo "the named key" ;;
      *--show-keys*) printf 'pub:\nfpr:::::::::DE15B14486CD377B9E876E1A234654DA9A296436:\n' ;;
    esac
    ;;
  curl) ask_api_server "$@" ;;
  hostname) if [[ $# == 0 ]]; then tell hostname; else echo 192.0.2.11; fi ;;
  hostnamectl) state hostname "$2" ;;
  networkctl)
    content "$ROOT"/etc/systemd/network/*
    state running/networkd "$CONTENT"
    ;;
  modprobe)
    [[ $1 == --* ]] || grep --quiet "$1" "$ROOT/proc/filesystems" || printf 'nodev\t%s\n' "$1" >>"$ROOT/proc/filesystems"
    ;;
  sysctl) [[ $1 != --quiet ]] || set_sysctls "$3" ;;
  nproc) echo 2 ;;
  swapon) tell swap ;;
  swapoff) rm -f "$WORLD/swap" ;;
  df) case "$*" in *avail\ --block*) printf 'Avail\n9000\n' ;; *) printf 'I F\n1 60000\n' ;; esac ;;
  stat) if [[ $1 == --file-system ]]; then echo cgroup2fs; else exec /usr/bin/stat "$@"; fi ;;
  ip)
    case "$1 $2" in
      "-4 "*) printf '2: eth0 inet 192.0.2.%s/24\n' 11 12 ;;
      "link delete") sed -i "/^$3[@ ]/d" "$WORLD/links" ;;
      *) tell links ;;
    esac
    ;;
  iptables-save)
    tell rules/iptables-save
    [[ ! -s $WORLD/rules/detour ]] || sed 's/^-I/-A/' "$WORLD/rules/detour"
    ;;
  ip6tables-save) tell rules/ip6tables-save ;;
  iptables-restore)
    rules=$(cat)
    case "$* $rules" in
      *--noflush*-I*) state rules/detour "$rules" ;;
      *--noflush*-X*)
        rm -f "$WORLD/rules/detour"
        left=$(tell rules/iptables-save | RULES=$rules awk '
          BEGIN {
            for (n = split(ENVIRON["RULES"], lines, "\n"); n > 0; n--) {
              if (sub(/^-D/, "-A", lines[n])) gone[lines[n]]
              if (sub(/^-X /, "", lines[n])) gone[lines[n]]
            }
          }
          !($0 in gone) && !(substr($1, 2) in gone) && !($1 == "-A" && $2 in gone)')
        state rules/iptables-save "$left"
        ;;
    esac
    ;;
  openssl)
    if [[ $1 == rand ]]; then
      echo 00c0ffee # the same in each run: ends are compared
      exit
    elif [[ $1 == cms ]]; then
      while [[ $1 != -in ]]; do shift; done
      cat "$2"
      exit
    fi
    cat >/dev/null
    echo "notAfter=Nov 24 00:00:00 2027 GMT"
    ;;
  sleep) pass "${1%.*}" ;;
esac
