"""`make drift` tells hosts that differ from those that it could not look at, and `make repair` prints its changes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from components.settings import Host, Ssh
from components.settings.stack_file import parse_settings
from components.steps.ssh import Answer
from components.steps.stdin import inputs_of
from components.steps.step import StepName
from operations import __main__
from operations.hosts import _machine, drift, repair
from problem import StepError
from tests.unit.support.stacks import SHOP, with_workers

AS_IT_SHOULD_BE = Answer(0, "", "")
NO_WAY = StepError("SSH", expected="it to succeed", seen="Connection refused", next_command="ssh -p 22 root@192.0.2.12")


class Stack:
    """A stack whose hosts are node1, which is recorded, and three workers; the last one's machine is gone."""

    name, commands = "shop", SHOP

    def __init__(self, recorded: Mapping[tuple[str, StepName], str]) -> None:
        stack = with_workers("node2", "node3", "node4")
        stack["hosts"]["node4"]["gone"] = True
        self.settings = lambda: parse_settings(stack)
        self.recorded_inputs = lambda: recorded
        self.outputs = dict[str, str]


class Hosts:
    """Answers of hosts, and the names of hosts that were visited."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | StepError] = dict.fromkeys(("node1", "node2"), AS_IT_SHOULD_BE)
        self.recorded = {
            (name, StepName.PREPARE): "export A=1\nrun_step prepare\n" for name in ("node1", "node2", "node4")
        }
        self.visited: list[str] = []
        self.texts: dict[str, str] = {}

    def run(self, host: Host, _: Ssh, text: str) -> Answer:
        """As run_as_root."""
        self.visited.append(host.name)
        self.texts[host.name] = text
        answer = self.answers[host.name]
        if isinstance(answer, StepError):
            raise answer
        return answer


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """As they should be; node3 was added to the stack file after the last update."""
    found = Hosts()
    for module in (drift, repair):
        monkeypatch.setattr(module, "selected_stack", lambda _: Stack(found.recorded))
    for module in (drift, _machine):
        monkeypatch.setattr(module, "run_as_root", found.run)
    return found


def test_a_host_that_was_never_prepared_is_no_drift(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, and so is what prepares it; a machine that is gone is not."""
    assert __main__.main(["drift", "shop"]) == 0
    expected = "node1: as it should be\nnode2: as it should be\nnode3: not prepared yet: pulumi up --stack shop\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("step", [StepName.INIT, StepName.JOIN])
def test_an_audit_policy_is_looked_at(hosts: Hosts, step: StepName) -> None:
    """Without it the API server goes on, until it restarts. What a join leaves nowhere is not looked for."""
    policy, invitation = "/etc/kubernetes/api-server/audit-policy-1.yaml", "/etc/kubernetes/kubeadm/invitation"
    files = "".join(f"stage 0600 {path} x\n" for path in (policy, invitation))
    hosts.recorded["node1", step] = f"export A=1\n{files}run_step {step}\n"
    assert __main__.main(["drift", "shop"]) == 0
    assert dict(inputs_of(hosts.texts["node1"]).files) == {policy: "x"}


@pytest.mark.parametrize(
    ("first", "seen", "next_command"),
    [
        (AS_IT_SHOULD_BE, "node2 cannot be checked", "ssh -p 22 root@192.0.2.12"),
        (
            Answer(0, "sysctl a: 1\n", ""),
            "node1 not; node2 cannot be checked",
            "make repair STACK=shop HOST=node1; ssh -p 22 root@192.0.2.12",
        ),
    ],
)
def test_a_host_that_could_not_be_looked_at_is_not_sent_to_repair(
    hosts: Hosts, capsys: pytest.CaptureFixture[str], first: Answer, seen: str, next_command: str
) -> None:
    """Nobody knows whether it differs."""
    hosts.answers |= {"node1": first, "node2": NO_WAY}
    assert __main__.main(["drift", "shop"]) == 1
    printed = capsys.readouterr()
    assert "node2: cannot be checked:\n    SSH: expected it to succeed,\n      saw Connection refused" in printed.out
    assert printed.err.endswith(f"saw {seen}\n  Next: {next_command}\n")


def test_a_host_that_differs_is_sent_to_repair(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """With what differs."""
    hosts.answers["node2"] = Answer(0, "sysctl a: 1\nswap: on\n", "")
    assert __main__.main(["drift", "shop"]) == 1
    printed = capsys.readouterr()
    assert "node2: differs:\n    sysctl a: 1\n    swap: on\n" in printed.out
    assert printed.err.endswith("saw node2 not\n  Next: make repair STACK=shop HOST=node2\n")


def test_before_the_first_update_there_is_no_drift_to_look_for(
    hosts: Hosts, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what makes one."""
    hosts.recorded.clear()
    assert __main__.main(["drift", "shop"]) == 1
    assert "saw none\n  Next: pulumi up --stack shop\n" in capsys.readouterr().err


def test_a_repair_prints_what_its_steps_changed(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """And not their output, which is the program's."""
    hosts.answers["node2"] = Answer(0, '{"facts": 1}\n', "node2: swap is off\n")
    assert __main__.main(["repair", "shop", "node2"]) == 0
    assert capsys.readouterr().out == "node2: swap is off\n" * 3 + "node2: as the last update left it\n"


@pytest.mark.parametrize(
    ("host", "seen", "next_command"),
    [
        ("node3", "saw node1, node2\n", "Next: pulumi up --stack shop\n"),
        ("node9", "saw node1, node2\n", "Next: make repair STACK=shop HOST=...\n"),
        (
            "node4",
            "saw gone: true in the stack file",
            "remove `gone: true`, write its hostKey, then pulumi up --stack shop",
        ),
    ],
)
def test_a_host_without_a_prepared_machine_is_not_repaired(
    hosts: Hosts, capsys: pytest.CaptureFixture[str], host: str, seen: str, next_command: str
) -> None:
    """Nothing connects to it."""
    assert __main__.main(["repair", "shop", host]) == 1
    printed = capsys.readouterr().err
    assert seen in printed
    assert next_command in printed
    assert hosts.visited == []
