"""Values of the steps of a cluster, and stubs that answer as the programs of a cluster do."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.host_files import File
from components.host_files.results import RECIPIENT
from components.steps.sealing import SealingKey
from tests.scripts.machine import Machine

VALUES = {
    "KUBERNETES_VERSION": "1.36.3",
    "IGNORE_PREFLIGHT_ERRORS": "",
    "RESET_ON_FAILURE": "false",
    "CLUSTER_CONFIGURATION_SHA256": "a",
    "KUBELET_CONFIGURATION_SHA256": "b",
    "KUBE_PROXY_CONFIGURATION_SHA256": "c",
    "CONTROL_PLANE_TAINTS": "node-role.kubernetes.io/control-plane:PreferNoSchedule",
    "DRAIN_TIMEOUT_SECONDS": "60",
    "API_SERVER": "https://192.0.2.11:6443",
    "CERTIFICATE_GENERATION": "0",
    "VXLAN_MODE": "Always",
    "CLUSTER_IDENTITY": "name dev, pods 10.244.0.0/16",
    "ETCD_CLUSTER_STATE": "existing",
    "LEADS": "true",
    "NODE_IP": "192.0.2.11",
    "ROLE": "worker",
}
CHANGED = VALUES | {"CLUSTER_CONFIGURATION_SHA256": "other"}
UPGRADE = VALUES | {"KUBERNETES_VERSION": "1.36.4"}
MAY_RESET = VALUES | {"RESET_ON_FAILURE": "true"}
WORKER_MEMBERSHIP = {
    "NODE_NAME": "node2",
    "NODE_IP": "192.0.2.12",
    "NODE_ROLE": "worker",
    "IS_GONE": "false",
    "KUBERNETES_VERSION": "1.36.3",
    "TAINTS": "",
    "RESULT_IS_PLAIN": "true",
}
"""Values of the membership of a worker, as `make repair` gives them."""
SAMPLES = Path(__file__).parent / "samples"
"""Output of programs: real output of apt-get and dpkg, and output of kubeadm in the formats of its sources."""
FOREIGN_MACHINE = "docs/how-to/foreign-machine.md"
STATE = "/var/lib/pulumi-kubeadm"
CA = "certificate of the cluster\n"
SEALING_KEY = SealingKey.minted()
SEALS = f'[[ $1 != cms ]] || exec {shutil.which("openssl")} "$@"\n'
"""Beginning of an openssl that really seals."""
DISCOVERY = [
    File("/etc/kubernetes/kubeadm/invitation", "abcdef.0123456789abcdef", mode="0600"),
    File("/etc/kubernetes/kubeadm/ca.crt", CA),
]


NODE_IS_READY = (
    'case "$*" in *"configmap kube-proxy "*) grep --count "addon kube-proxy" "$ROOT/calls" || true ;;'
    ' *"output name"*) echo node/x ;; *kubeletVersion*) printf v1.36.3 ;; *Ready*) echo True ;;'
    " *metadata.labels*) echo node-role.kubernetes.io/control-plane ;; esac"
)
NODE_IS_GONE = """\
if [[ $* == *"get node $HOST_NAME"* && ! -e $ROOT/registered ]]; then
  [[ $* == *ignore-not-found* ]] # such a question is answered with nothing, and succeeds
  exit
fi"""
UNMARKED = "case $* in *metadata.labels*) cat $ROOT/labels; exit ;; esac"
"""kubectl of a control plane's node that has labels of kubeadm once kubeadm has marked it."""

DETOUR = """*nat
:PULUMI-KUBEADM-API - [0:0]
-I PREROUTING --protocol tcp --dport 6443 --jump PULUMI-KUBEADM-API
COMMIT
"""
"""The rules that an interrupted run left, by which another control plane serves clients, as the stub of iptables has
them.
"""

MEMBERS_AS_JSON = (Path(__file__).parents[1] / "crash_points/programs/members.sh").read_text()
OWN_MEMBER = "a1, started, node1, https://192.0.2.11:2380, https://192.0.2.11:2379, false"
ETCD = r"""
MEMBERS_AS_JSON
case "$*" in
  "ps --quiet --name ^etcd$") echo etcd1; exit ;;
  "ps --quiet --name ^kube-proxy$") grep --count "delete pod .*kube-proxy" "$ROOT/calls" || true; exit ;;
  "exec etcd1 etcdctl "*"member list --write-out json")
    { cat "$ROOT/members" 2>/dev/null || echo "OWN_MEMBER"; } | members_as_json; exit ;;
  "exec etcd1 etcdctl "*"lease grant "*) echo "lease 32698f2b41b5a20d granted with TTL(${!#}s)"; exit ;;
  "exec etcd1 etcdctl "*"put --lease 32698f2b41b5a20d /registry/masterleases/"*) echo "${!#}" >"$ROOT/lease"; exit ;;
  "exec etcd1 etcdctl "*"get /registry/masterleases/"*" --print-value-only")
    [[ -e $ROOT/mute ]] || cat "$ROOT/lease"; exit ;;
  "exec etcd1 etcdctl "*"del /registry/masterleases/"*) rm -f "$ROOT/lease"; exit ;;
  "exec etcd1 etcdctl "*"member remove "*) sed -i "/^${!#},/d" "$ROOT/members"; exit ;;
  "exec etcd1 etcdctl "*"move-leader "*) echo "${!#}" >"$ROOT/leader"; exit ;;
  "exec etcd1 etcdctl "*"endpoint status --write-out fields")
    printf '"Leader" : %d\n' "0x$(cat "$ROOT/leader" 2>/dev/null || echo a1)"; exit ;;
  "exec etcd1 etcdctl "*"endpoint health")
    all=$* endpoint=${all##*--endpoints } endpoint=${endpoint%% *} address=${endpoint#*//}
    [[ ! -e $ROOT/sick-${address%:*} ]]; exit ;;
esac
""".replace("OWN_MEMBER", OWN_MEMBER).replace("MEMBERS_AS_JSON", MEMBERS_AS_JSON)
"""Beginning of a crictl that finds kube-proxy and etcd: a member is a line of a file, healthy unless a file says so."""

SNAPSHOTS = f"{STATE}/etcd-snapshots"
OWNER = "0123456789abcdef"
KEY = "c0ffee" + 58 * "0"
TOKEN = "abcdef.0123456789abcdef"  # noqa: S105 (of no cluster)
"""The key of the certificates, and the token, with which a control plane is invited."""
SAVES = (
    f'{ETCD}case "$*" in\n*"snapshot save"*) [[ ! -e $ROOT/silent ]] || exit 1\necho "snapshot" >"${{!#}}" ;;\n'
    '*"etcdutl snapshot status"*) [[ ! -e $ROOT/corrupt ]] ;;\nesac'
)
"""A crictl whose etcd can be saved."""


def bundles(machine: Machine) -> list[str]:
    """Names of the files in the directory of bundles, the oldest first."""
    return sorted(path.name for path in machine.path(SNAPSHOTS).glob("*"))


def kubeadm_calls(machine: Machine) -> list[str]:
    """The first two words of each call of kubeadm since the last time that this was asked, its own checks apart."""
    calls = [call for call in machine.calls() if call.startswith("kubeadm ") and " phase preflight " not in call]
    return [" ".join(call.split()[:2]) for call in calls]


def calls_in_order(machine: Machine, *beginnings: str) -> bool:
    """Whether calls since the last time that they were asked for begin so, one after the other, with others between."""
    left = iter(machine.calls())
    return all(any(call.startswith(beginning) for call in left) for beginning in beginnings)


def let_seal(machine: Machine) -> None:
    """Give a machine the certificate of SEALING_KEY, as `prepare` does."""
    machine.write(RECIPIENT, SEALING_KEY.certificate)


def member(number: int, *, learns: bool = False, is_started: bool = True) -> str:
    """A line of `etcdctl member list`: of node2, for one, whose ID is b2."""
    identity, address = f"{'abcd'[number - 1]}{number}", f"192.0.2.{10 + number}"
    name, state, client = (
        (f"node{number}", "started", f"https://{address}:2379") if is_started else ("", "unstarted", "")
    )
    return f"{identity}, {state}, {name}, https://{address}:2380, {client}, {str(learns).lower()}\n"


def position(calls: list[str], part: str) -> int:
    """Where the only call with this part stands."""
    (found,) = [number for number, call in enumerate(calls) if part in call]
    return found
