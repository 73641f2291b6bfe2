"""A machine in a directory: the scripts themselves, run by bash, with every absolute path below that directory."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.host_files import File
from components.steps import stdin
from components.steps.remote import CREATE
from components.steps.result import result_of
from components.steps.scripts import SCRIPTS, SUMS
from components.steps.stdin import prologue, staged

ABSOLUTE = re.compile(
    r"(?<![\w.}])(?=/(?:etc|run|var|proc|sys|opt|usr/local/lib|usr/lib/systemd|lib/modules|dev/kmsg)\b)|(?<=STAGING/files)(?=/etc/)"
)
"""Before a path that a script names. What a variable holds is relocated where the variable is set."""

LIBRARY = "/usr/local/lib/pulumi-kubeadm"
VERSION = f"{LIBRARY}/unfinished"
"""The scripts, until `install` makes them the current version."""
LIMIT_SECONDS = 120
"""Bound for a script that hangs: a script that is done takes seconds, and minutes on a machine that others use."""


@dataclass(frozen=True)
class Finished:
    """The result of a run."""

    status: int
    stdout: str
    stderr: str


class Machine:
    """A root directory, programs that stand for those of a machine, and the relocated scripts."""

    def __init__(self, root: Path, scripts: Path = SCRIPTS) -> None:
        self.root = root
        self._stubs = root / "stubs"
        self._stubs.mkdir()
        (root / "etc").mkdir()
        (root / "proc").mkdir()
        for name in ("mounts", "uptime"):
            (root / "proc" / name).symlink_to(f"/proc/{name}")
        # Never those of the host of the tests: a rule would refuse its clients, and a reset delete its tables.
        for name in ("nft", "ipset", "ipvsadm", "apt-config"):
            self.stub(name)
        self.stub("iptables-save", 'if [[ -e $ROOT/detour ]]; then sed "s/^-I/-A/" "$ROOT/detour"; fi')
        self.stub(
            "iptables-restore",
            'rules=$(cat)\ncase $rules in "") ;; *"-X "*) rm "$ROOT/detour"; echo "detour ends" >>"$ROOT/calls" ;;\n'
            '*) echo "$rules" >"$ROOT/detour"; echo "detour begins" >>"$ROOT/calls" ;; esac',
        )
        for path in scripts.rglob("*.sh"):
            copy = self.path(VERSION) / path.relative_to(scripts)
            copy.parent.mkdir(parents=True, exist_ok=True)
            # The stubs go before the PATH that run.sh sets.
            copy.write_text(self.relocated(path.read_text()).replace("export PATH=", f"export PATH={self._stubs}:"))

    def path(self, absolute: str) -> Path:
        """The real path of a path of the machine."""
        return self.root / absolute.lstrip("/")

    def relocated(self, text: str) -> str:
        """The text with each absolute path below the root."""
        return ABSOLUTE.sub(str(self.root), text)

    def write(self, absolute: str, content: str) -> Path:
        """Put a file on the machine."""
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def script(self, name: str, content: str) -> None:
        """Add a step; its last line says that it is done."""
        self.write(f"{VERSION}/steps/{name}.sh", f'{content}\n: >"$STAGING/done"\n')

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a script of this machine, such as a time limit."""
        path = self.path(f"{VERSION}/{name}.sh")
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))

    def install(self) -> None:
        """Make the scripts the current version, as scripts/install.sh does."""
        source, place = self.path(VERSION), self.path(LIBRARY)
        files = {str(path.relative_to(source)): path.read_bytes() for path in sorted(source.rglob("*.sh"))}
        sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in files.items())
        version = hashlib.sha256(sums.encode()).hexdigest()
        shutil.copytree(source, place / version, dirs_exist_ok=True)
        (place / version / SUMS).write_text(sums)
        shutil.copy(source / "run.sh", place / "run.sh.new")
        (place / "run.sh.new").rename(place / "run.sh")  # bash may be reading the old one
        (place / "current.new").symlink_to(version)
        (place / "current.new").rename(place / "current")

    def stub(self, name: str, body: str = "") -> None:
        """A program that writes its arguments down and does what the body says; it knows the machine as $ROOT."""
        path = self._stubs / name
        quoted = shlex.quote(str(self.root))
        path.write_text(f'#!/bin/bash\nROOT={quoted}\nprintf "%s\\n" "{name} $*" >>"$ROOT/calls"\n{body}\n')
        path.chmod(0o755)

    def calls(self) -> list[str]:
        """Calls of stubs, since the last call of this method."""
        path = self.root / "calls"
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    def verbs_of(self, service: str) -> list[str]:
        """Verbs of the calls of systemctl for a service, since the last call of this method or of `calls`."""
        calls = [call.removeprefix("systemctl ").removeprefix("--quiet ") for call in self.calls()]
        return [call.removesuffix(f" {service}") for call in calls if call.endswith(service)]

    def text(
        self, step: str, values: Mapping[str, str] | None = None, files: Sequence[File] = (), undo: str = ""
    ) -> str:
        """The text that the program sends for a step."""
        self.install()
        moved = [File(str(self.path(file.path)), file.content, file.mode) for file in files]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stdin, "LIBRARY", str(self.path(LIBRARY)))
            variables = {"HOST_NAME": "node1", **(values or {})}
            return f"{prologue(step, variables)}{staged(moved)}run_step {step} {undo}\n"

    def start(self, text: str, *arguments: str) -> subprocess.Popen[str]:
        """Send a text as the program would, without waiting."""
        command = CREATE.removeprefix("sudo -n ").split()
        process = subprocess.Popen(
            [*command, "--", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.root,
            start_new_session=True,
        )
        assert process.stdin
        process.stdin.write(text)
        process.stdin.flush()
        return process

    def send(self, text: str, *arguments: str) -> Finished:
        """Send a text and wait for its end."""
        process = self.start(text, *arguments)
        stdout, stderr = process.communicate(timeout=LIMIT_SECONDS)
        return Finished(process.returncode, result_of(stdout), stderr)

    def run(self, step: str, values: Mapping[str, str] | None = None, files: Sequence[File] = ()) -> Finished:
        """Run a step."""
        return self.send(self.text(step, values, files))

    def run_part(self, part: str, values: Mapping[str, str] | None = None, files: Sequence[File] = ()) -> Finished:
        """Run one part of `prepare`, alone."""
        self.script("part", f'. "$LIBRARY/lib/lib.sh"\n. "$LIBRARY/parts/prepare/{part}.sh"\n')
        return self.run("part", values, files)

    def run_part_twice(
        self, part: str, values: Mapping[str, str] | None = None, files: Sequence[File] = ()
    ) -> Finished:
        """The second of two runs. Both succeed, the first one says what it changed, and the calls are the second's."""
        first = self.run_part(part, values, files)
        assert first.status == 0, first.stderr
        assert first.stderr
        self.calls()
        second = self.run_part(part, values, files)
        assert second.status == 0, second.stderr
        return second


def cut_off(process: subprocess.Popen[str]) -> None:
    """Lose the SSH session: the shell ends, and nobody reads the output of what it started."""
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=LIMIT_SECONDS)
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is met; fail after a time."""
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)
