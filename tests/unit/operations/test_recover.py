"""`make recover` goes on with one member of etcd, and asks at every other one."""

from __future__ import annotations

import socket
import subprocess

import pytest

from components.settings import Host, Ssh
from components.steps.ssh import Answer
from components.steps.stdin import inputs_of, prologue
from components.steps.step import StepName
from operations import __main__
from operations.etcd import recover
from problem import Problem, StepError
from tests.unit.support.recorded_stack import RecordedStack
from tests.unit.support.stacks import with_workers

OF_LAST_UPDATE = {"node1": "192.0.2.11", "node2": "192.0.2.12", "node9": "192.0.2.19"}
"""Control planes, one of which is no longer in the stack file."""


class Hosts:
    """Two control planes and a worker in the stack file."""

    def __init__(self) -> None:
        self.stack = with_workers("node2", "node3")
        self.stack["hosts"]["node2"]["role"] = "control-plane"
        self.refusal: StepError | None = None
        self.recovered: list[tuple[str, list[str]]] = []
        self.alive: set[str] = set()
        self.states: dict[str, str] = {}
        """Other answers of machines on their members."""
        self.unreachable: dict[str, str] = {}
        """Errors of their SSH servers; empty where a server greets and refuses each login."""

    def run(self, host: Host, _: Ssh, text: str) -> Answer:
        """As run_as_root."""
        if "OTHER_ADDRESSES" not in text:
            assert f"/dev/tcp/{host.internal_ip}/2380" in text
            if host.name in self.unreachable:
                raise StepError(host.name, expected="SSH", seen="Permission denied", next_command="ssh node1")
            return Answer(0, self.states.get(host.name, "answers" if host.name in self.alive else "down") + "\n", "")
        self.recovered.append((host.name, inputs_of(text).values["OTHER_ADDRESSES"].splitlines()))
        if self.refusal:
            raise self.refusal
        return Answer(0, "", f"{host.name}: etcd goes on with this member alone\n")


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """As the last update left them."""
    found = Hosts()
    recorded = {("node3", StepName.PREPARE): prologue("prepare", {"ROLE": "worker", "NODE_IP": "192.0.2.13"})}
    for name, address in OF_LAST_UPDATE.items():
        values = {"HOST_NAME": name, "ROLE": "control-plane", "NODE_IP": address}
        recorded[name, StepName.PREPARE] = f"{prologue('prepare', values)}run_step prepare\n"
        recorded[name, StepName.JOIN] = ""

    monkeypatch.setattr(recover, "selected_stack", lambda _: RecordedStack(found.stack, recorded))
    monkeypatch.setattr(recover, "run_as_root", found.run)
    monkeypatch.setattr(recover, "silence_of", lambda host, _: found.unreachable[host.name])
    return found


def test_every_other_member_is_asked(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """Also one whose line was deleted before an update took it away, and one with `gone: true`."""
    hosts.stack["hosts"]["node1"]["gone"] = True
    assert __main__.main(["recover", "shop", "node2"]) == 0
    assert hosts.recovered == [("node2", ["192.0.2.11", "192.0.2.19"])]
    assert "node2: etcd serves. Next: nothing in the stack file, then" in capsys.readouterr().out


def test_the_next_command_is_printed(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are gone."""
    assert __main__.main(["recover", "shop", "node2"]) == 0
    assert "Next: gone: true for node1 in the stack file, then" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["node3", "node9", "nobody"])
def test_only_a_control_plane_of_the_stack_goes_on(hosts: Hosts, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """No host is visited."""
    assert __main__.main(["recover", "shop", name]) == 1
    assert f"recover {name}: expected a living control plane of the stack" in capsys.readouterr().err
    assert hosts.recovered == []


def test_control_planes_are_named_with_the_whole_command(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """A person chooses one of them, and copies a line."""
    assert __main__.main(["recover", "shop", "nobody"]) == 1
    advice = "make recover STACK=shop HOST=node1 or make recover STACK=shop HOST=node2"
    assert f"saw node1, node2\n  Next: {advice}\n" in capsys.readouterr().err


def test_before_the_first_update_nothing_is_recovered(
    hosts: Hosts, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command would be refused for each host, so another one is named."""
    monkeypatch.setattr(recover, "selected_stack", lambda _: RecordedStack(hosts.stack, {}))
    assert __main__.main(["recover", "shop", "node1"]) == 1
    errors = capsys.readouterr().err
    assert "recover node1: expected a control plane that an update made,\n  saw none\n" in errors
    assert "Next: pulumi up --stack shop; where the machines have a cluster of the stack: docs/how-to/lost" in errors
    assert "make recover" not in errors


def test_where_all_are_gone_a_bundle_is_what_is_left(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """No member is left to go on."""
    for name in ("node1", "node2"):
        hosts.stack["hosts"][name]["gone"] = True
    hosts.stack["hosts"]["node5"] = {**hosts.stack["hosts"]["node1"], "address": "192.0.2.15"}
    del hosts.stack["hosts"]["node5"]["gone"]
    assert __main__.main(["recover", "shop", "node1"]) == 1
    errors = capsys.readouterr().err
    assert "saw gone: true for node1, node2\n  Next: docs/how-to/lost-control-plane.md" in errors
    assert "make recover" not in errors


def test_a_refusal_is_the_end(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """In the words of the machine."""
    problem = Problem("node2: recover", expected="no majority", seen="one", next_command="make status")
    hosts.refusal = StepError.of(problem)
    assert __main__.main(["recover", "shop", "node2"]) == 1
    captured = capsys.readouterr()
    assert "node2: recover: expected no majority" in captured.err
    assert "etcd serves" not in captured.out


def test_a_member_that_is_cut_off_from_the_others_does_not_go_on(
    hosts: Hosts, capsys: pytest.CaptureFixture[str]
) -> None:
    """They serve, and the two halves would be two clusters. Whoever runs the command reaches both."""
    hosts.alive = {"node1"}
    assert __main__.main(["recover", "shop", "node2"]) == 1
    assert "expected no other member of etcd that answers,\n  saw one on node1" in capsys.readouterr().err
    assert hosts.recovered == []


def test_a_member_that_cannot_be_asked_is_named(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """The member is lost, by the word of the person who runs the command."""
    hosts.unreachable = {"node1": "No route to host"}
    assert __main__.main(["recover", "shop", "node2"]) == 0
    assert "node1: cannot be asked: No route to host" in capsys.readouterr().out
    assert [name for name, _ in hosts.recovered] == ["node2"]


def test_a_member_whose_machine_lets_nobody_in_is_not_taken_for_lost(
    hosts: Hosts, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may serve, cut off from the other one; whoever knows that it does not turns it off."""
    hosts.unreachable = {"node1": ""}
    assert __main__.main(["recover", "shop", "node2"]) == 1
    errors = capsys.readouterr().err
    assert "node2: recover: expected node1, whose SSH server answers, to say" in errors
    assert "saw Permission denied\n  Next: ssh node1; where node2 is to go on alone: turn node1 off" in errors
    assert hosts.recovered == []


@pytest.mark.parametrize("state", ["bash: connect: No route to host", "no answer within 5 s", ""])
def test_a_machine_that_says_nothing_of_its_member_has_not_lost_it(
    hosts: Hosts, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    """No answer is no answer: two members would go on, each as a cluster of its own."""
    hosts.states = {"node1": state}
    assert __main__.main(["recover", "shop", "node2"]) == 1
    printed = capsys.readouterr().err
    assert "expected the member of etcd on node1 to answer, or to refuse a connection because it is down" in printed
    assert f"saw {state or 'nothing'}\n" in printed
    assert "where node2 is to go on alone: turn node1 off" in printed
    assert hosts.recovered == []


def answer_of_port(address: str, port: int) -> str:
    """Answer of bash on a port."""
    command = ["bash", "-euo", "pipefail", "-c", recover.question(address, port)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_refused_connection_alone_says_that_a_member_is_down() -> None:
    """With a real bash and real ports."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert answer_of_port("127.0.0.1", port) == recover.SERVES
    assert answer_of_port("127.0.0.1", port) == recover.DOWN
    assert "no.such.host.invalid" in answer_of_port("no.such.host.invalid", port)
