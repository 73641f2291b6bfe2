"""No secret is where others read, however a step ends: canaries in place of secrets, and a failure at each command.

A sample of the commands here, every one with `make any-input`.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from components.host_files import File, api_server, encryption, kubeadm
from components.host_files.apt import LOGINS
from components.steps.result import result_of
from operations.etcd.restore import with_bundle
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
    let_seal,
)
from tests.scripts.machine import Finished, Machine
from tests.scripts.test_recover import ETCD_MANIFEST, KUBELET, OTHERS
from tests.scripts.test_restore import CTR
from tests.scripts.test_restore import KUBEADM as RESTORING_KUBEADM

EXAMPLES = int(os.environ.get("EXAMPLES", "8"))
CANARY = "C4NARY0123456789"
ENCODED = [base64.b64encode(b" " * shift + CANARY.encode()).decode()[2 * shift + 2 : -4] for shift in range(3)]
"""What base64 makes of it, wherever in a text it stands."""
CANARIES = re.compile("|".join([CANARY, *ENCODED]))
TOKEN = f"abcdef.{CANARY}"
REGISTRY = "/etc/containerd/certs.d/hub.test/hosts.toml"
CRI_WITH_PASSWORDS = "/etc/containerd/cri-with-passwords.toml"

# At the given command the shell writes down what others may read, explains itself as a failed command does, and ends.
AT_A_COMMAND = r"""
set -o functrace
at_a_command() {
  printf . >>"$COUNTER"
  read -r counted <"$COUNTER" || true
  ((${#counted} == FAILS_AT)) || return 0
  PATH=/usr/bin:/bin find "$MACHINE" -mindepth 1 \( -name stubs -o -type d ! -perm -001 \) -prune -o \
    -type f -perm /044 -exec grep -lE "$PATTERN" {} + >>"$READABLE"
  ! declare -F unexpected_exit >/dev/null || (BASH_SUBSHELL=0; unexpected_exit 9 "${BASH_SOURCE[1]}" "$1" "$2")
  exit 9
}
trap 'at_a_command "$LINENO" "$BASH_COMMAND"' DEBUG
"""
PROGRAMS = (
    *("awk", "base64", "cat", "chmod", "cmp", "comm", "cp", "curl", "cut", "date", "dd", "diff", "env", "find", "grep"),
    *(
        "head",
        "install",
        "mkdir",
        "mv",
        "paste",
        "rm",
        "sed",
        "sha256sum",
        "sort",
        "stat",
        "sync",
        "tail",
        "tar",
        "touch",
        "tr",
    ),
)
"""Real programs whose arguments any user sees in a list of processes."""


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
    """`make restore` was here."""
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


OF_A_CONTROL_PLANE = {
    f"{STATE}/initialized": "yes",
    "/etc/kubernetes/backup/settings": f"directory=ROOT{SNAPSHOTS}\nkeep=2\n",
    "/etc/kubernetes/kubeadm/config.yaml": "kind: InitConfiguration\n",
    "/var/lib/etcd/member/snap/db": "data",
}
"""Files that a snapshot is made of."""


class Watched:
    """A machine whose programs write their arguments down, and whose shells count their commands."""

    def __init__(self, directory: Path, case: Case) -> None:
        directory.mkdir()
        root = directory / "machine"
        root.mkdir()
        self.machine, self._case, self._directory = Machine(root), case, directory
        for name in PROGRAMS:
            self.machine.stub(name, f'exec "$(PATH=/usr/bin:/bin command -v {name})" "$@"')
        for name, body in case.stubs.items():
            self.machine.stub(name, body)
        self.machine.write(f"{STATE}/drain-timeout-seconds", "60")
        self.machine.write("/etc/kubernetes/pki/ca.crt", CA)
        self.machine.write("/etc/kubernetes/admin.conf", f"clusters:\n- name: {CANARY}\n").chmod(0o600)
        for path in case.secrets:
            self.machine.write(path, CANARY).chmod(0o600)
        for path, content in OF_A_CONTROL_PLANE.items() if case.secrets else ():
            self.machine.write(path, content.replace("ROOT", str(root)))
        let_seal(self.machine)
        case.arrange(self.machine)
        (directory / "trap").write_text(AT_A_COMMAND)

    def run(self, fails_at: int = 0) -> Finished:
        """Run the step; the given command of it fails."""
        text = self.machine.text(self._case.step, self._case.values, self._case.files)
        if self._case.bundle:
            text = with_bundle(f"{text.rstrip()}\n", self._case.bundle)
        (self._directory / "counter").unlink(missing_ok=True)
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-s"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.machine.root,
            timeout=120,
            env={
                **os.environ,
                "BASH_ENV": str(self._directory / "trap"),
                "COUNTER": str(self._directory / "counter"),
                "READABLE": str(self._directory / "readable"),
                "MACHINE": str(self.machine.root),
                "PATTERN": CANARIES.pattern,
                "FAILS_AT": str(fails_at),
            },
        )
        return Finished(finished.returncode, finished.stdout, finished.stderr)

    def commands(self) -> int:
        """Number of the commands of the last run."""
        return len((self._directory / "counter").read_text())

    def leaks(self, finished: Finished) -> list[str]:
        """Where others read a secret."""
        found = [f"stdout: {finished.stdout}", f"stderr: {finished.stderr}"]
        found += [f"argv: {call}" for call in self.machine.calls()]
        leaks = [each for each in found if CANARIES.search(each)]
        readable = self._directory / "readable"
        leaks += [f"readable: {line}" for line in readable.read_text().splitlines()] if readable.exists() else []
        return [*leaks, *(f"left: {path}" for path in self._left(finished))]

    def _left(self, finished: Finished) -> list[str]:
        """Files that hold a secret, and should not, or that others may read."""
        allowed = {*self._case.keeps, "/etc/kubernetes/admin.conf"}
        if finished.status != 0:  # a run that was cut off; the next run empties the directory
            allowed |= {f"/run/pulumi-kubeadm/{self._case.step}", *self._case.cut_short}
        found = []
        for path in self.machine.root.rglob("*"):
            if path.is_file() and "stubs" not in path.parts and has_secret(path):
                name = f"/{path.relative_to(self.machine.root)}"
                may_stay = any(name == each or name.startswith((f"{each}/", f"{each}.")) for each in allowed)
                is_private = path.stat().st_mode & 0o077 == 0 or name.startswith("/run/pulumi-kubeadm/")
                found += [] if may_stay and is_private else [name]
        return found


def has_secret(path: Path) -> bool:
    """A bundle is packed: its content is not searched, and it has the keys of the cluster."""
    return ".bundle" in path.name or bool(CANARIES.search(path.read_text(errors="replace")))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_secret_reaches_nobody_else_when_its_step_succeeds(case: Case, tmp_path: Path) -> None:
    """And it does reach whom it is for: the canary is seen."""
    watched = Watched(tmp_path / "here", case)
    finished = watched.run()
    assert finished.status == 0, finished.stderr
    assert (CANARY in SEALING_KEY.opened(result_of(finished.stdout))) == case.returns
    assert watched.leaks(finished) == []
    for path in case.keeps - {SNAPSHOTS}:
        kept = watched.machine.path(path)
        files = [each for each in kept.rglob("*") if each.is_file()] if kept.is_dir() else [kept]
        assert any(CANARIES.search(each.read_text()) for each in files), path


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_secret_reaches_nobody_else_whichever_command_fails(case: Case, tmp_path: Path) -> None:
    """Each run is one on a new machine."""
    whole = Watched(tmp_path / "whole", case)
    assert whole.run().status == 0
    commands = whole.commands()
    assert commands > 20
    for number in range(1, commands, max(1, commands // EXAMPLES)):
        watched = Watched(tmp_path / str(number), case)
        finished = watched.run(number)
        assert watched.leaks(finished) == [], f"command {number} of {commands}"


@pytest.mark.parametrize("path", [REGISTRY, CRI_WITH_PASSWORDS, LOGINS])
def test_drift_shows_no_line_of_a_file_with_a_password(machine: Machine, path: str) -> None:
    """What it should be, and what it is, may both be passwords that work."""
    machine.stub("containerd", 'echo "containerd github.com/containerd/containerd 1.4.13 x"')
    for program in ("swapon", "dpkg-query", "apt-mark", "systemctl"):
        machine.stub(program)
    machine.write(path, f'password = "{CANARY} by hand"\n')
    values = {"KUBERNETES_VERSION": "1.36.3", "MODULES": "", "KEYRINGS": ""}
    files = [File(path, f'password = "{CANARY}"\n', mode="0600"), File("/etc/sysctl.d/99-kubernetes.conf", "")]
    finished = machine.run("drift", values, files)
    assert finished.status == 0, finished.stderr
    assert f"{machine.path(path)}: expected what the last update wrote, saw something else\n" in finished.stdout
    assert CANARY not in finished.stdout + finished.stderr
