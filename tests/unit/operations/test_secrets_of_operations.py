"""No secret is in what drift, repair and status print, nor in arguments of ssh, however a connection ends."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.host_files import File
from components.host_files.apt import LOGINS
from components.host_files.kubeadm import INVITATION_PATH
from components.settings.stack_file import parse_settings
from components.steps.stdin import prologue, staged
from components.steps.step import StepName
from operations import __main__
from operations.hosts import drift, repair
from operations.status import status
from tests.unit.operations.test_ssh import program, programs
from tests.unit.support import api_server
from tests.unit.support.api_server import ApiServer
from tests.unit.support.recorded_cluster import HEALTHY_HOST, healthy, node
from tests.unit.support.stacks import SHOP, with_workers

__all__ = ["programs"]

CANARY = "C4NARY0123456789"
TOKEN, PASSWORD = f"abcdef.{CANARY}", base64.b64encode(f"robot:{CANARY}".encode()).decode()
SECRET_FILES = {
    StepName.REPOSITORIES: File(LOGINS, f"machine hub.test login robot password {CANARY}", "0600"),
    StepName.IMAGES: File("/etc/containerd/certs.d/hub.test/hosts.toml", PASSWORD, "0600"),
    StepName.JOIN: File(INVITATION_PATH, TOKEN, "0600"),
}
COMMANDS = (["drift", "shop"], ["repair", "shop", "node2"], ["repair", "shop", "node1"], ["status", "shop"])
ENDS = {
    "it succeeds": "exit 0",
    "the script fails": "echo it broke >&2; exit 1",
    "the session is lost": "exit 255",
}
FIRST_STEPS = (StepName.REPOSITORIES, StepName.PREPARE, StepName.IMAGES)
LAST = (
    *(f"run_step {script}" for script in (*FIRST_STEPS, "drift", "membership", "join", "init", "pod_network")),
    "output_of()",  # of the script that status sends
)
SSH = """\
printf '%s\\n' "$*" >>arguments
text=$(cat)
printf '%s\\n' "$text" >>sent
case $text in
  *"run_step membership"*) echo "{token}" ;;
  *"run_step reclaim"*) echo node ;;
  *"output_of()"*) cat facts ;;
esac
case $text in *"{last}"*) echo "{token} {password}"; {end} ;; esac
"""
"""Each script succeeds but for one, which has a secret in its output."""


@dataclass
class Stack:
    """A stack of a control plane and a worker whose records hold secrets."""

    server: ApiServer
    key: Path
    kubeconfig: str
    name, commands = "shop", SHOP

    def settings(self) -> object:
        """As the stack file has them."""
        return parse_settings(with_workers("node2") | {"ssh": {"privateKeyFile": str(self.key)}})

    def recorded_inputs(self) -> dict[tuple[str, StepName], str]:
        """Of each step of the last update; the control plane looks after the membership of the worker."""
        steps = {"node1": StepName.INIT, "node2": StepName.JOIN}
        return {
            (host, step): prologue(step, {"HOST_NAME": runs_on, "KUBERNETES_VERSION": "1.36.3"})
            + staged([SECRET_FILES[step]] if step in SECRET_FILES else [])
            + f"run_step {step}\n"
            for host, own in steps.items()
            for step in (*FIRST_STEPS, own, *([StepName.MEMBERSHIP] if host == "node2" else []))
            for runs_on in ("node1" if step is StepName.MEMBERSHIP else host,)
        }

    def outputs(self) -> dict[str, str]:
        """Of the stack."""
        return {"kubeconfig": self.kubeconfig}

    def output(self, name: str) -> str:
        """One of them."""
        return self.outputs()[name]


@pytest.fixture
def stack(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """With a key of the user in the kubeconfig."""
    monkeypatch.chdir(programs)
    key = tmp_path / "id_ed25519"
    key.write_text(CANARY)
    (programs / "facts").write_text("".join(f"{name}\t{fact}\n" for name, fact in HEALTHY_HOST.items()))
    with api_server.serving(tmp_path) as server:
        there = {f"/api/v1/nodes/{name}": (200, node(name)) for name in ("node1", "node2")}
        server.answers = healthy() | there | {"/version": (200, {"gitVersion": "v1.36.3"})}
        found = Stack(server, key, json.dumps(server.kubeconfig))
        for module in (drift, repair, status):
            monkeypatch.setattr(module, "selected_stack", lambda _: found)
        yield found


def key_of(stack: Stack) -> str:
    """A piece of the private key in the kubeconfig."""
    return str(stack.server.kubeconfig["users"][0]["user"]["client-key-data"])[60:80]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("last", LAST)
def test_no_secret_of_a_connection_is_printed(
    stack: Stack, programs: Path, capfd: pytest.CaptureFixture[str], last: str, end: str
) -> None:
    """Whichever script a connection ends with, also where a secret was on its way."""
    program(programs, "ssh", SSH.format(token=TOKEN, password=PASSWORD, last=last, end=end))
    for command in COMMANDS:
        if (last, end, command[0]) == ("run_step drift", "exit 0", "drift"):
            continue  # what the script finds is printed: tests/scripts/test_secrets.py
        status_of_command = __main__.main(command)
        assert status_of_command == 0 or end != "exit 0" or command[0] in ("drift", "status"), "a step failed"
    printed = capfd.readouterr()
    for text in (printed.out, printed.err, (programs / "arguments").read_text()):
        assert not [each for each in (CANARY, PASSWORD, key_of(stack)) if each in text]
    assert PASSWORD in (programs / "sent").read_text(), "it reached the host"
    assert SECRET_FILES[StepName.REPOSITORIES].content in (programs / "sent").read_text(), "likewise"


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_no_key_of_a_broken_kubeconfig_is_printed(
    stack: Stack, programs: Path, capfd: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """A parser repeats the line that it does not understand."""
    program(programs, "ssh", SSH.format(token=TOKEN, password=PASSWORD, last="none", end=""))
    stack.kubeconfig = stack.kubeconfig.partition(key_of(stack))[0] + key_of(stack)
    assert __main__.main(command) == 1
    printed = capfd.readouterr()
    assert key_of(stack) not in printed.out + printed.err
