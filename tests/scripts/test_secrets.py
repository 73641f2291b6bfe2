"""No secret is where others read, however a step ends: canaries in place of secrets, and a failure at each command.

A sample of the commands here, every one with `make any-input`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from components.host_files import File
from components.host_files.apt import LOGINS
from components.steps.result import result_of
from operations.etcd.restore import with_bundle
from tests.scripts.cluster import CA, SEALING_KEY, SNAPSHOTS, STATE, let_seal
from tests.scripts.machine import LIMIT_SECONDS, Finished, Machine
from tests.scripts.secret_cases import CANARIES, CANARY, CASES, CRI_WITH_PASSWORDS, REGISTRY, Case

EXAMPLES = int(os.environ.get("EXAMPLES", "8"))

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
            timeout=LIMIT_SECONDS,
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
    values = {"KUBERNETES_VERSION": "1.36.3", "MODULES": "", "KEYRINGS": "", "ROLE": "worker"}
    files = [File(path, f'password = "{CANARY}"\n', mode="0600"), File("/etc/sysctl.d/99-kubernetes.conf", "")]
    finished = machine.run("drift", values, files)
    assert finished.status == 0, finished.stderr
    assert f"{machine.path(path)}: expected what the last update wrote, saw something else\n" in finished.stdout
    assert CANARY not in finished.stdout + finished.stderr
