"""Steps that have a secret, with a canary in its place."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from components.host_files import File, api_server, encryption, kubeadm
from tests.scripts.bundles import FILES as BUNDLE_FILES
from tests.scripts.bundles import bundle
from tests.scripts.cluster import (
    CA,
    ETCD,
    NODE_IS_READY,
    OWN_MEMBER,
    SAVES,
    SEALING_KEY,
    SEALS,
    SNAPSHOTS,
    STATE,
    VALUES,
    WORKER_MEMBERSHIP,
)
from tests.scripts.machine import Machine
from tests.scripts.test_recover import ETCD_MANIFEST, KUBELET, OTHERS
from tests.scripts.test_restore import CTR
from tests.scripts.test_restore import KUBEADM as RESTORING_KUBEADM

CANARY = "C4NARY0123456789"
ENCODED = [base64.b64encode(b" " * shift + CANARY.encode()).decode()[2 * shift + 2 : -4] for shift in range(3)]
"""The secret in base64, at each position in a text."""
CANARIES = re.compile("|".join([CANARY, *ENCODED]))
TOKEN = f"abcdef.{CANARY}"
REGISTRY = "/etc/containerd/certs.d/hub.test/hosts.toml"
CRI_WITH_PASSWORDS = "/etc/containerd/cri-with-passwords.toml"


@dataclass(frozen=True)
class Case:
    """A step that has a secret.

    Attributes:
        step: name of the step.
        stubs: programs that answer as a cluster does.
        values: variables of the step.
        files: secret files of the step.
        secrets: files of the machine that hold a secret before.
        returns: the secret is what the step returns, sealed.
        keeps: files and directories of the machine that hold the secret afterwards.
        cut_short: likewise, until the next run, where this one was cut short.
        bundle: what comes behind the step's values, as `make restore` sends it.
        arrange: changes the machine before the step.
    """

    step: str
    stubs: dict[str, str]
    values: dict[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    secrets: tuple[str, ...] = ()
    returns: bool = False
    keeps: frozenset[str] = frozenset()
    cut_short: frozenset[str] = frozenset()
    bundle: bytes = b""
    arrange: Callable[[Machine], None] = field(default=lambda _: None)


JOIN = Case(
    "join",
    {
        "kubeadm": 'case "$1 $2" in "join --config") mkdir -p "$ROOT/etc/kubernetes"; '
        'touch "$ROOT/etc/kubernetes/kubelet.conf" "$ROOT/joined" ;; esac',
        "kubectl": f"[[ -e $ROOT/joined ]] || exit 1\n{NODE_IS_READY}",
        "curl": "printf 200",
        "crictl": "",
    },
    VALUES,
    (File(kubeadm.INVITATION_PATH, TOKEN, mode="0600"), File(kubeadm.JOIN_AUTHORITY_PATH, CA)),
)
SEALED = {"RESULT_IS_PLAIN": "false"}
MEMBERSHIP = Case(
    "membership",
    {
        "kubeadm": f"echo {TOKEN}",
        "kubectl": 'case "$*" in *uid*) printf 0-1 ;; apply*) cat >/dev/null ;; esac',
    },
    WORKER_MEMBERSHIP | SEALED,
    returns=True,
)
# The secret is the key of the certificates, which kubeadm reads from a file.
MEMBERSHIP_OF_CONTROL_PLANE = Case(
    "membership",
    {
        "kubeadm": f'case "$*" in *certificate-key) echo {CANARY} ;; token*) echo abcdef.0 ;; '
        '*upload-certs*) grep --quiet "^certificateKey: ." "${!#}" ;; esac',
        "kubectl": 'case "$*" in *uid*) printf 0-1 ;; apply*) cat >/dev/null ;; *InternalIP*) printf 192.0.2.11 ;; '
        '*ClusterConfiguration*) echo "apiVersion: kubeadm.k8s.io/v1beta4" ;; esac',
        "crictl": ETCD,
    },
    WORKER_MEMBERSHIP | SEALED | {"NODE_ROLE": "control-plane"},
    returns=True,
)
KUBECONFIG = Case(
    "kubeconfig",
    {
        "kubeadm": f"printf 'clusters:\\n- name: {CANARY}\\n'",
        "kubectl": 'case "$*" in apply*) cat >/dev/null ;; esac',
        "openssl": f"{SEALS}[[ $1 != rand ]] || exec echo 00c0ffee\n"
        "cat >/dev/null; echo 'notAfter=Nov 24 00:00:00 2027 GMT'",
    },
    {"PROVIDER": "pulumi-kubeadm:provider"},
    returns=True,
    keeps=frozenset({"/etc/kubernetes/admin.conf"}),
)
PASSWORD = base64.b64encode(f"robot:{CANARY}".encode()).decode()


def images(version: str, keeps: set[str], answer: str) -> Case:
    """Registries with a password, under a version of containerd."""
    stubs = {
        "containerd": f'echo "containerd github.com/containerd/containerd {version} x"',
        "crictl": f"[[ $1 != pull ]] || {answer}",
        "systemctl": "",
    }
    values = {"ROLE": "worker", "IMAGES": "hub.test/a:1", "KUBERNETES_VERSION": "1.36.3"}
    files = (
        File(REGISTRY, f'Authorization = ["Basic {PASSWORD}"]\n', mode="0600"),
        File(CRI_WITH_PASSWORDS, f'password = "{CANARY}"\n', mode="0600"),
    )
    more = {"KUBEADM_PAUSE_IMAGE": "", "PASSWORD_KEYS": "hub.test hubPassword"}
    return Case("images", stubs, values | more, files, keeps=frozenset(keeps))


KEY = "/etc/kubernetes/pki/ca.key"


def with_data(machine: Machine) -> None:
    """The Secrets of the cluster are in the data of its etcd."""
    machine.write("/var/lib/etcd/member/snap/db", CANARY).chmod(0o600)


def with_recipient(machine: Machine) -> None:
    """The stack has a key for which its bundles are encrypted."""
    with_data(machine)
    machine.write("/etc/kubernetes/backup/recipient.pem", SEALING_KEY.certificate)


SNAPSHOT = Case(
    "snapshot",
    {"crictl": SAVES.replace('echo "snapshot"', f'echo "{CANARY}"'), "openssl": SEALS},
    secrets=(KEY,),
    keeps=frozenset({KEY, SNAPSHOTS, "/var/lib/etcd/member"}),
    cut_short=frozenset({"/var/lib/etcd/bundle.db"}),
    arrange=with_data,
)


def with_lost_members(machine: Machine) -> None:
    """The others of three control planes are gone."""
    with_data(machine)
    machine.write("/etc/kubernetes/manifests/etcd.yaml", ETCD_MANIFEST)
    machine.write("/members", f"{OWN_MEMBER}\n{OTHERS}")
    machine.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")


COPY = "/var/lib/etcd/before-recovery-20261126T000000Z"
RECOVER = Case(
    "recover",
    {"crictl": KUBELET, "kubectl": NODE_IS_READY, "date": "echo 20261126T000000Z", "sleep": ""},
    {"OTHER_ADDRESSES": ""},
    secrets=(KEY,),
    keeps=frozenset({KEY, COPY}),
    cut_short=frozenset({"/var/lib/etcd/member"}),
    arrange=with_lost_members,
)


def without_cluster(machine: Machine) -> None:
    """Its cluster was on other machines."""
    shutil.rmtree(machine.path("/etc/kubernetes"))


def is_secret(name: str) -> bool:
    """A key of the cluster, or its data."""
    return name.endswith((".key", ".db"))


OF_BUNDLE = {name: CANARY.encode() if is_secret(name) else content for name, content in BUNDLE_FILES.items()}
RESTORE = f"{STATE}/restore"
LAID = Case(
    "restore",
    {},
    {"CLUSTER_ID": ""},
    keeps=frozenset({RESTORE}),
    bundle=bundle(OF_BUNDLE, level=0),
    arrange=without_cluster,
)


def with_bundle_laid(machine: Machine) -> None:
    """`make restore` has put a bundle on the machine."""
    without_cluster(machine)
    machine.write("/etc/kubernetes/kubeadm/config.yaml", "kind: InitConfiguration\n")
    for name, content in OF_BUNDLE.items():
        machine.write(f"{RESTORE}/{name}", content.decode()).chmod(0o600)


KEYS = "".join(f"{name} {base64.b64encode(f'{CANARY}-{name}'.encode()).decode()}\n" for name in ("k2", "k1"))
ENCRYPTED = f"{api_server.FILES}/encryption.yaml"
INIT = Case(
    "init",
    {
        "kubeadm": 'case "$1 $2" in "init --config") cd "$ROOT/etc/kubernetes"; mkdir -p pki/etcd manifests\n'
        "echo >manifests/kube-apiserver.yaml; echo --initial-cluster-state=existing >manifests/etcd.yaml\n"
        "echo | tee pki/apiserver.key >pki/apiserver.crt; touch controller-manager.conf scheduler.conf\n"
        'touch pki/etcd/server.crt "$ROOT/up" ;; esac',
        "kubectl": f"[[ -e $ROOT/up ]] || exit 1\n{NODE_IS_READY}",
        "crictl": ETCD,
        "openssl": 'cat >/dev/null; echo "notAfter=Nov 24 00:00:00 2027 GMT"',
        "systemctl": "",
    },
    VALUES,
    (File(encryption.KEYS, f"{KEYS}identity\n", mode="0600"),),
    keeps=frozenset({ENCRYPTED}),
)

RESTORED = Case(
    "init",
    INIT.stubs
    | {
        "kubeadm": re.sub(r".*/inits.*\n", "", RESTORING_KUBEADM),
        "ctr": CTR,
        "crictl": f'[[ "$*" != *info* ]] || exit 0\n{ETCD}',
        "kubectl": f'[[ -e $ROOT/up ]] || exit 1\n[[ $* != *"get nodes"* ]] || exec echo node/node1\n{NODE_IS_READY}',
    },
    VALUES,
    keeps=frozenset({"/etc/kubernetes/pki", "/var/lib/etcd/member"}),
    cut_short=frozenset({RESTORE, "/var/lib/etcd/restored"}),
    arrange=with_bundle_laid,
)

CASES = {
    "snapshot": SNAPSHOT,
    "snapshot for a recipient": replace(SNAPSHOT, arrange=with_recipient),
    "recover": RECOVER,
    "restore": LAID,
    "init with a bundle": RESTORED,
    "init": INIT,
    "join": JOIN,
    "membership": MEMBERSHIP,
    "membership of a control plane": MEMBERSHIP_OF_CONTROL_PLANE,
    "kubeconfig": KUBECONFIG,
    "images": images("v2.2.0", {REGISTRY}, "true"),
    "images of containerd 1.4": images("1.4.13", {REGISTRY, CRI_WITH_PASSWORDS}, "true"),
}
