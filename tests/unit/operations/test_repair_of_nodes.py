"""`make repair` brings a node back: which scripts it runs, where, in which order, and with which values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.host_files import File
from components.host_files.kubeadm import INVITATION_PATH
from components.settings import Host, Ssh
from components.settings.stack_file import parse_settings
from components.steps.scripts import install_scripts
from components.steps.ssh import Answer
from components.steps.stdin import LIBRARY, inputs_of, prologue, staged
from components.steps.step import StepName
from operations import __main__
from operations.hosts import _machine, repair
from tests.unit.support import api_server
from tests.unit.support.api_server import ApiServer
from tests.unit.support.recorded_cluster import node
from tests.unit.support.stacks import SHOP, with_workers

NODE = "/api/v1/nodes/node2"
CONTROL_PLANE, VERSION = "/api/v1/nodes/node1", "/version"


def recorded(host: str, step: str, **values: str) -> tuple[tuple[str, StepName], str]:
    """A command of the last update, by name."""
    text = prologue(step, {"HOST_NAME": host, "KUBERNETES_VERSION": "1.36.3", "RESET_ON_FAILURE": "false", **values})
    text += staged([File(INVITATION_PATH, "an old token", "0600")] if step == "join" else [])
    return (host, StepName(step)), f"{text}run_step {step}\n"


class Stack:
    """A stack of a control plane, node1, and a worker, node2, as its last update left it."""

    name, commands = "shop", SHOP

    def __init__(self, server: ApiServer) -> None:
        self.settings = lambda: parse_settings(with_workers("node2"))
        self.recorded = dict(
            [recorded(host, step) for host in ("node1", "node2") for step in ("prepare", "images")]
            + [recorded("node1", "init"), recorded("node2", "join")]
            + [recorded("node2", "membership", HOST_NAME="node1")]
        )
        self.recorded_inputs = lambda: self.recorded
        self.outputs = lambda: {"kubeconfig": json.dumps(server.kubeconfig)}
        self.output = lambda _: json.dumps(server.kubeconfig)


WITH_MEMBERSHIP = [
    "node2 reclaim",
    "node2 scripts",
    "node2 prepare",
    "node2 images",
    "node1 membership",
    "node2 join",
    "node1 pod_network",
]
"""Hosts and scripts of the repair of node2."""


class Hosts:
    """What ran where: host, script, text and command."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.stack = Stack(server)
        self.runs: list[tuple[str, str, str]] = []
        self.outputs = {"reclaim": "node\n", "membership": "a fresh token"}

    def run(self, host: Host, _: Ssh, text: str) -> Answer:
        """As run_as_root."""
        script = "scripts" if text == install_scripts() else text.rpartition("run_step ")[2].strip()
        self.runs.append((host.name, script, text))
        return Answer(0, self.outputs.get(script, ""), "")

    def order(self) -> list[str]:
        """Hosts and scripts."""
        return [f"{host} {script}" for host, script, _ in self.runs]

    def text(self, script: str) -> str:
        """What a script was sent with."""
        return next(text for _, name, text in self.runs if name == script)


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    """Hosts of a cluster whose API server answers."""
    with api_server.serving(tmp_path) as server:
        server.answers = {
            NODE: (200, node("node2")),
            CONTROL_PLANE: (200, node("node1")),
            VERSION: (200, {"gitVersion": "v1.36.3"}),
        }
        found = Hosts(server)
        monkeypatch.setattr(repair, "selected_stack", lambda _: found.stack)
        monkeypatch.setattr(_machine, "run_as_root", found.run)
        yield found


def test_a_worker_gets_its_machine_then_its_membership_then_its_pod_network(hosts: Hosts) -> None:
    """The join gets the token that membership has just made; only a policy lets it reset a member."""
    assert __main__.main(["repair", "shop", "node2"]) == 0
    assert hosts.order() == WITH_MEMBERSHIP
    join = inputs_of(hosts.text("join"))
    assert join.files[INVITATION_PATH] == "a fresh token"
    assert join.values["RESET_ON_FAILURE"] == "false"
    assert inputs_of(hosts.text("pod_network")).values["NODE_NAME"] == "node2"
    assert inputs_of(hosts.text("reclaim")).values["CLUSTER_AUTHORITY"].startswith("-----BEGIN CERTIFICATE-----")


def test_a_control_plane_is_verified_and_never_initialised_or_reset(hosts: Hosts) -> None:
    """Whatever the policy of the stack allows."""
    assert __main__.main(["repair", "shop", "node1"]) == 0
    assert hosts.order() == [
        "node1 reclaim",
        "node1 scripts",
        "node1 prepare",
        "node1 images",
        "node1 init",
        "node1 pod_network",
    ]
    assert hosts.text("init").startswith("set -- verify\n")
    assert hosts.text("prepare").startswith("set -- create\n")
    assert inputs_of(hosts.text("init")).values["RESET_ON_FAILURE"] == "false"


def test_a_repair_without_a_kubeconfig_does_not_say_that_the_node_is_well(
    hosts: Hosts, capsys: pytest.CaptureFixture[str]
) -> None:
    """A first update that failed behind the init left none: the machine is repaired, and its cluster not looked at."""
    hosts.stack.outputs = dict
    assert __main__.main(["repair", "shop", "node1"]) == 1
    assert hosts.order() == [f"node1 {script}" for script in ("reclaim", "scripts", "prepare", "images")]
    printed = capsys.readouterr()
    assert "expected the stack's kubeconfig, for its node" in printed.err
    assert "as the last update left it" not in printed.out


def with_joined_control_plane(hosts: Hosts) -> Hosts:
    """The same cluster, where node2 is a control plane that joined, and the policy allows resets."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["role"] = "control-plane"
    hosts.stack.settings = lambda: parse_settings(stack)
    hosts.stack.recorded |= dict([recorded("node2", "join", RESET_ON_FAILURE="true")])
    return hosts


@pytest.mark.parametrize("is_registered", [True, False])
def test_a_control_plane_that_joined_is_not_reset_with_or_without_its_node(hosts: Hosts, is_registered: bool) -> None:
    """Its member of etcd votes: it registers again as the first one does, and needs no invitation for that."""
    with_joined_control_plane(hosts).outputs["membership"] = ""
    if not is_registered:
        hosts.server.answers[NODE] = (404, {"message": 'nodes "node2" not found'})
    assert __main__.main(["repair", "shop", "node2"]) == 0
    assert hosts.order() == WITH_MEMBERSHIP
    join = inputs_of(hosts.text("join"))
    assert join.values["RESET_ON_FAILURE"] == "false"
    assert join.files[INVITATION_PATH] == ""
    assert inputs_of(hosts.text("reclaim")).values["CONTROL_PLANE_VERSION"] == "1.36.3"


def test_the_only_control_plane_that_joined_needs_no_sponsor(hosts: Hosts) -> None:
    """Its sponsor left in an earlier update, which kept the membership as the state had it."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["role"] = "control-plane"
    del stack["hosts"]["node1"]
    hosts.stack.settings = lambda: parse_settings(stack)
    hosts.stack.recorded = {key: text for key, text in hosts.stack.recorded.items() if key[0] == "node2"}
    assert __main__.main(["repair", "shop", "node2"]) == 0
    first = ["reclaim", "scripts", "prepare", "images", "join", "pod_network"]
    assert hosts.order() == [f"node2 {script}" for script in first]
    assert inputs_of(hosts.text("join")).files[INVITATION_PATH] == ""


@pytest.mark.parametrize("change", ["left", "gone", "forgotten"])
def test_a_node_without_its_sponsor_gets_another_one_by_an_update(
    hosts: Hosts, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    """The edit that takes the sponsor away was not applied yet, and node3 is to take over."""
    stack = with_workers("node2", "node3")
    stack["hosts"]["node3"]["role"] = "control-plane"
    if change == "left":
        del stack["hosts"]["node1"]
    if change == "gone":
        stack["hosts"]["node1"]["gone"] = True
    if change == "forgotten":
        del hosts.stack.recorded["node2", StepName.MEMBERSHIP]
    hosts.stack.settings = lambda: parse_settings(stack)
    hosts.stack.recorded |= dict([recorded("node3", "prepare"), recorded("node3", "join")])
    assert __main__.main(["repair", "shop", "node2"]) == 1
    assert hosts.order() == [f"node2 {script}" for script in ("reclaim", "scripts", "prepare", "images")]
    printed = capsys.readouterr().err
    assert "repair node2: expected a control plane of the stack file that looks after its membership" in printed
    assert "Next: pulumi up --stack shop; then make repair STACK=shop HOST=node2\n" in printed


def test_a_control_plane_that_never_joined_does_not_end_a_repair(hosts: Hosts) -> None:
    """It was prepared, and stands first in the stack file."""
    stack = with_workers("node2")
    stack["hosts"] = {"node0": {**stack["hosts"]["node1"], "address": "192.0.2.10"}, **stack["hosts"]}
    hosts.stack.settings = lambda: parse_settings(stack)
    hosts.stack.recorded |= dict([recorded("node0", "prepare")])
    assert __main__.main(["repair", "shop", "node2"]) == 0
    assert hosts.order() == WITH_MEMBERSHIP


def test_every_script_comes_with_its_run(hosts: Hosts) -> None:
    """A host may have lost its scripts, and those it has may be of another version."""
    assert __main__.main(["repair", "shop", "node2"]) == 0
    for _, script, text in hosts.runs:
        assert "install_version <<'ARCHIVE'" in text
        assert (f"PLACE={LIBRARY}\n" in text) == (script == "scripts")
        assert script == "scripts" or f"/run.sh {script} " in text
        assert f". {LIBRARY}/run.sh" not in text


def test_a_node_of_another_version_is_left_to_an_update(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """`membership` would drain it, and `join` take its version back."""
    hosts.server.answers[NODE][1]["status"]["nodeInfo"]["kubeletVersion"] = "v1.37.1"
    assert __main__.main(["repair", "shop", "node2"]) == 1
    printed = capsys.readouterr().err
    assert "expected a kubelet of version v1.36.3, which the last update left" in printed
    assert "Next: pulumi up --stack shop\n" in printed
    assert hosts.order() == []


@pytest.mark.parametrize("path", [CONTROL_PLANE, VERSION])
def test_a_control_plane_of_another_version_is_left_to_an_update(
    hosts: Hosts, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    """An upgrade whose SSH session was lost went on on the machine: `init` would take the version back."""
    content = hosts.server.answers[path][1]
    (content if path == VERSION else content["status"]["nodeInfo"]).update(
        gitVersion="v1.37.1", kubeletVersion="v1.37.1"
    )
    assert __main__.main(["repair", "shop", "node1"]) == 1
    printed = capsys.readouterr().err
    assert "of version v1.36.3, which the last update left,\n  saw v1.37.1" in printed
    assert "Next: pulumi up --stack shop\n" in printed
    assert hosts.order() == []


def test_a_control_plane_whose_api_does_not_answer_compares_the_versions_itself(hosts: Hosts) -> None:
    """The API server may be what the repair is for."""
    hosts.server.silent |= {CONTROL_PLANE, VERSION}
    assert __main__.main(["repair", "shop", "node1"]) == 0
    assert inputs_of(hosts.text("reclaim")).values["CONTROL_PLANE_VERSION"] == "1.36.3"


def test_a_worker_without_an_answer_of_the_api_is_not_touched(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the API knows the version of the node."""
    hosts.server.silent.add(NODE)
    assert __main__.main(["repair", "shop", "node2"]) == 1
    assert f"GET {NODE}: expected the API server at" in capsys.readouterr().err
    assert hosts.order() == []


def test_a_node_that_was_deleted_joins_again(hosts: Hosts) -> None:
    """A kubelet without a node has nothing to lose: the join may reset the machine, whatever the policy."""
    hosts.server.answers[NODE] = (404, {"message": 'nodes "node2" not found'})
    assert __main__.main(["repair", "shop", "node2"]) == 0
    assert inputs_of(hosts.text("join")).values["RESET_ON_FAILURE"] == "true"


def test_a_member_whose_kubelet_is_lost_is_not_reset(hosts: Hosts) -> None:
    """A node that is NotReady may run pods, as one whose certificate expired: only a policy allows a reset."""
    hosts.server.answers[NODE] = (200, node("node2", "Unknown"))
    assert __main__.main(["repair", "shop", "node2"]) == 0
    assert inputs_of(hosts.text("join")).values["RESET_ON_FAILURE"] == "false"


def test_a_machine_that_was_reset_gets_a_token_once_its_node_is_missed(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a Ready node no token is made, and kubeadm refuses to join under its name."""
    hosts.outputs["reclaim"] = ""
    waits = []

    def wait(_: float) -> None:
        waits.append(hosts.order())
        if len(waits) == 2:
            hosts.server.answers[NODE] = (200, node("node2", "Unknown"))

    monkeypatch.setattr("time.sleep", wait)
    assert __main__.main(["repair", "shop", "node2"]) == 0
    assert [order[-1] for order in waits] == ["node2 images", "node2 images"]
    assert "node1 membership" in hosts.order()


def test_a_node_that_stays_ready_without_its_machine_gets_no_token(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kubelet outlives its kubeconfig, and another machine may report under the name."""
    hosts.outputs["reclaim"] = ""
    now = [0.0]
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    assert __main__.main(["repair", "shop", "node2"]) == 1
    printed = capsys.readouterr()
    assert "node2: waits until the control plane misses the kubelet\n" in printed.out
    assert "repair node2: expected the node not to be Ready" in printed.err
    assert "saw Ready for 150 s: a kubelet still reports for it" in printed.err
    assert "systemctl stop kubelet on node2, then make repair STACK=shop HOST=node2" in printed.err
    assert "node1 membership" not in hosts.order()


def test_a_host_that_is_no_node_yet_gets_its_files_only(hosts: Hosts) -> None:
    """Its join is the next update's."""
    hosts.stack.recorded.pop(("node2", StepName.JOIN))
    assert __main__.main(["repair", "shop", "node2"]) == 0
    assert hosts.order() == ["node2 reclaim", "node2 scripts", "node2 prepare", "node2 images"]
