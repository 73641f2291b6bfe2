# shellcheck shell=bash
# What the fake programs share. They keep the state of a machine in files below $ROOT/world, whose end is compared.
# Sourced by each of them, with the machine as $ROOT. Without processes of its own: thousands of runs call it.

WORLD=$ROOT/world
KUBERNETES=$ROOT/etc/kubernetes
KEYS_OF_SECRETS=$KUBERNETES/api-server/encryption.yaml
KUBELET_CONFIGURATION=$ROOT/var/lib/kubelet/config.yaml
# Objects of the cluster: in this machine's etcd, or those of a cluster elsewhere.
OBJECTS=$ROOT/var/lib/etcd/member
[[ ! -e $WORLD/cluster ]] || OBJECTS=$WORLD/cluster
COMPONENTS=(etcd kube-apiserver kube-controller-manager kube-scheduler)
shopt -s nullglob

# content FILE...: CONTENT is what is in the files that exist, as one line.
content() {
  local file one
  CONTENT=
  for file in "$@"; do
    one=
    [[ ! -e $file ]] || read -r -d '' one <"$file" || true
    CONTENT+="${one//$'\n'/ }|"
  done
}

# fact NAME: FACT is a fact about the world; empty without it.
fact() {
  FACT=
  [[ ! -e $WORLD/$1 ]] || read -r -d '' FACT <"$WORLD/$1" || true
}
state() {
  [[ -d $WORLD/${1%/*} || $1 != */* ]] || mkdir -p "$WORLD/${1%/*}"
  printf '%s\n' "$2" >"$WORLD/$1"
}

# document KIND: DOCUMENT is one document of kubeadm's configuration, as one line.
document() {
  local text
  read -r -d '' text <"$KUBERNETES/kubeadm/config.yaml" || true
  text=${text#*kind: "$1"$'\n'}
  DOCUMENT=${text%%---*}
  DOCUMENT=${DOCUMENT//$'\n'/ }
}

# pass SECONDS: time that nobody waits for.
pass() {
  local uptime
  read -r uptime _ <"$ROOT/proc/uptime"
  printf '%s.00 0\n' "$((${uptime%.*} + $1))" >"$ROOT/proc/uptime"
}

# version_of PACKAGE: VERSION, without the revision of the package.
version_of() {
  fact "packages/$1"
  VERSION=${FACT%%-*}
}

# kubelet_runs: it is started, and could read its configuration.
kubelet_runs() { [[ -s $WORLD/running/kubelet && -s $KUBELET_CONFIGURATION && -s $KUBERNETES/kubelet.conf ]]; }

# A kubelet restarts a static pod whose manifest changed, and ends one whose manifest is gone; a component reads its certificate,
# and the API server the keys of Secrets, when it starts.
sync_static_pods() {
  local name
  kubelet_runs || return 0
  for name in "${COMPONENTS[@]}"; do
    if [[ ! -e $KUBERNETES/manifests/$name.yaml && -e $WORLD/running/$name ]]; then rm "$WORLD/running/$name"; fi
    [[ -s $KUBERNETES/manifests/$name.yaml ]] || continue
    content "$KUBERNETES/manifests/$name.yaml"
    fact "running/$name"
    [[ $FACT == "$CONTENT"* ]] || start_component "$name"
  done
}
start_component() {
  content "$KUBERNETES/manifests/$1.yaml"
  [[ $1 != kube-apiserver ]] || content "$KUBERNETES/manifests/$1.yaml" "$KUBERNETES"/pki/apiserver.{crt,key}
  state "running/$1" "$CONTENT"
  printf . >>"$WORLD/restarts-$1"
  case $1 in
    kube-apiserver) read_keys ;;
    # With this argument it is the only member of a new cluster, with its data.
    etcd) if [[ $CONTENT == *--force-new-cluster* ]]; then sed --in-place --quiet 1p "$ROOT/var/lib/etcd/member/members"; fi ;;
  esac
}

# read_keys: the names of the keys of Secrets by which the API server runs, the one first that it writes with.
read_keys() {
  local names=identity
  if [[ $CONTENT == *"--encryption-provider-config=$KEYS_OF_SECRETS"[' |']* && -e $KEYS_OF_SECRETS ]]; then
    names=$(sed --quiet 's/.*{name: "\([^"]*\)".*/\1/p; s/^ *- \(identity\):.*/\1/p' "$KEYS_OF_SECRETS")
  fi
  state running/keys "$names"
}

# reads_secrets: the API server has the keys of all Secrets.
reads_secrets() {
  local writer
  fact running/keys
  while read -r writer; do
    [[ $'\n'$FACT$'\n' == *$'\n'"$writer"$'\n'* ]] || return 1
  done <"$OBJECTS/secrets"
}
write_secrets() {
  fact running/keys
  printf '%s\n%s\n' "${FACT%%$'\n'*}" "${FACT%%$'\n'*}" >"$OBJECTS/secrets"
}
container_of() {
  fact "restarts-$1"
  [[ ! -s $WORLD/running/$1 ]] || printf '%s-%s' "$1" "${#FACT}"
}

api_is_up() {
  [[ ! -e $WORLD/cluster ]] || return 0
  sync_static_pods
  kubelet_runs && [[ -d $OBJECTS && -s $WORLD/running/kube-apiserver && -s $WORLD/running/etcd ]] &&
    [[ -s $KUBERNETES/manifests/kube-apiserver.yaml && -s $KUBERNETES/manifests/etcd.yaml ]] &&
    [[ -s $KUBERNETES/pki/apiserver.crt && -s $KUBERNETES/pki/apiserver.key ]] && has_majority
}

# has_majority: where the others are lost, this member of etcd serves alone only.
has_majority() {
  local members
  [[ -e $WORLD/others-are-lost ]] || return 0
  mapfile -t members <"$OBJECTS/members"
  ((${#members[@]} == 1))
}

# start_kubelet: it registers its node when it starts.
start_kubelet() {
  version_of kubelet
  content "$KUBELET_CONFIGURATION"
  state running/kubelet "$VERSION $CONTENT $(cat "$KUBERNETES/kubelet.conf" 2>/dev/null)"
  if [[ -s $KUBERNETES/kubelet.conf ]] && api_is_up; then
    mkdir -p "$OBJECTS/nodes/$HOST_NAME"
    printf 'v%s' "$VERSION" >"$OBJECTS/nodes/$HOST_NAME/version"
    printf True >"$OBJECTS/nodes/$HOST_NAME/ready"
  fi
}

# meet: end a request as the disturbance of the API says: API_KIND at call API_AT, and from there on where it is `silent`.
meet() {
  local calls=
  printf . >>"$WORLD/requests"
  read -r calls <"$WORLD/requests" || true
  if ((${#calls} == ${API_AT:-0})) || { [[ ${API_KIND:-} == silent ]] && ((API_AT > 0 && ${#calls} > API_AT)); }; then
    case $API_KIND in
      refused) echo "The connection to the server was refused - did you specify the right host or port?" ;;
      error) echo "Error from server (InternalError): an error on the server has prevented the request from succeeding" ;;
      hanging | silent)
        pass 20
        echo "Unable to connect to the server: net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
        ;;
      lost)
        # The request is carried out, and its answer never comes.
        exec >/dev/null
        trap 'echo "error: unexpected EOF" >&2; exit 1' EXIT
        return
        ;;
    esac >&2
    exit 1
  fi
  api_is_up || {
    echo "The connection to the server was refused - did you specify the right host or port?" >&2
    exit 1
  }
}
