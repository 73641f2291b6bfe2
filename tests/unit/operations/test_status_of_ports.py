"""`make status` names a port that is closed between two hosts, and docs/hosts.md has every port that is checked."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.settings import Settings
from components.settings.ports import PORTS
from components.settings.stack_file import parse_settings
from components.steps.scripts import SCRIPTS
from operations.stack._hosts_page import hosts_page
from operations.status import _host_checks, status
from operations.status._host_checks import FACTS, facts_of
from operations.status._port_checks import REFUSED, port_problems, ports_of
from problem import Problem, StepError
from tests.unit.support.recorded_cluster import HEALTHY_HOST, Look
from tests.unit.support.stacks import SHOP, with_workers

SILENT = "no answer within 3 s"


def several() -> Settings:
    """Two control planes, two workers, and a dead machine."""
    stack = with_workers("node2", "node3", "node4", "node5")
    stack["hosts"]["node2"]["role"] = "control-plane"
    stack["hosts"]["node5"]["gone"] = True
    return parse_settings(stack)


def problems(**closed: dict[str, str]) -> list[Problem]:
    """Problems of these closed ports, by host; the other hosts reach everything."""
    facts = {name: HEALTHY_HOST | closed.get(name, {}) for name in ("node1", "node2", "node3", "node4")}
    return list(port_problems(several(), facts, SHOP))


def test_a_control_plane_looks_at_every_host_and_a_worker_at_control_planes() -> None:
    """A machine that is gone, or no node yet, has nothing that listens."""
    stack = several()
    nodes = dict.fromkeys(("node1", "node2", "node3", "node5"), "")
    of_other = [f"192.0.2.12:{port}" for port in (6443, 2379, 2380, 10250)]
    assert sorted(ports_of(stack.hosts["node1"], stack, nodes)) == sorted([*of_other, "192.0.2.13:10250"])
    for worker in ("node3", "node4"):
        assert ports_of(stack.hosts[worker], stack, nodes) == ["192.0.2.11:6443", "192.0.2.12:6443"]


def test_each_host_is_asked_for_its_ports_in_its_one_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their addresses in the cluster."""
    texts: list[str] = []

    def run_as_root(*arguments: object) -> object:
        texts.append(str(arguments[2]))
        raise StepError("x", expected="x", seen="x", next_command="x")

    monkeypatch.setattr(_host_checks, "run_as_root", run_as_root)
    stack = several()
    with pytest.raises(StepError):
        facts_of(stack.hosts["node3"], stack, {"node1": "", "node3": "node1"})
    assert len(texts) == 1
    assert "\nPORTS=192.0.2.11:6443\n" in texts[0]


def test_a_closed_port_is_named_with_both_hosts() -> None:
    """And with what was seen: a firewall that drops is silent."""
    (problem,) = problems(node3={"port 192.0.2.12:6443": SILENT})
    assert str(problem).startswith(
        "node3 to node2: port: expected TCP port 6443 of 192.0.2.12 to be open"
        f" (API server: kubelets, kube-proxies, pods),\n  saw {SILENT}\n"
    )
    assert "on node2: ss --listening" in problem.next_command
    assert "docs/hosts.md" in problem.next_command


def test_a_refusal_is_distinguished_from_silence() -> None:
    """The machine answers: nothing listens, or a firewall rejects."""
    (problem,) = problems(node1={"port 192.0.2.13:10250": REFUSED})
    assert problem.seen == "Connection refused: nothing listens there, or a firewall rejects it"


def test_hosts_that_all_miss_one_port_are_one_problem() -> None:
    """Each direction of two control planes is one of its own."""
    silent = {"port 192.0.2.12:6443": SILENT}
    found = problems(node1=silent, node2={"port 192.0.2.11:2380": SILENT}, node3=silent, node4=silent)
    assert [problem.where for problem in found] == ["node1, node3, node4 to node2: port", "node2 to node1: port"]


def test_a_problem_of_the_host_itself_is_not_repeated_as_one_of_ports() -> None:
    """Its kubelet is off, or nobody can visit it; a kubelet that is off does not make a firewall silent."""
    stack, off = several(), HEALTHY_HOST | {"kubelet": "inactive"}
    refused = HEALTHY_HOST | {"port 192.0.2.13:10250": REFUSED}
    assert not list(port_problems(stack, {"node1": refused, "node3": off}, SHOP))
    assert not list(port_problems(stack, {"node1": refused}, SHOP))
    silent = HEALTHY_HOST | {"port 192.0.2.13:10250": SILENT}
    assert len(list(port_problems(stack, {"node1": silent, "node3": off}, SHOP))) == 1


def test_a_closed_port_is_a_problem_of_the_cluster(look: Look) -> None:
    """The command prints it, after the problems of the hosts."""
    look.facts["node2"] |= {"port 192.0.2.11:6443": SILENT}
    printed = look.printed()
    assert "node2 to node1: port: expected TCP port 6443 of 192.0.2.11" in printed
    assert printed.count("Next:") == 1


def test_a_host_that_nobody_can_visit_is_named_once(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once more for each of its ports."""

    def facts_of(host: object, *_: object) -> dict[str, str]:
        if host is look.settings.hosts["node2"]:
            raise StepError("node2: ssh", expected="a login", seen="none", next_command="ssh")
        return look.facts["node1"] | {"port 192.0.2.12:10250": SILENT}

    monkeypatch.setattr(status, "facts_of", facts_of)
    assert look.printed().count("Next:") == 1


@pytest.fixture
def listener() -> Iterator[int]:
    """Port of a listener on the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def facts_about(*ports: str, seconds: int = 3) -> dict[str, str]:
    """What the script prints of these ports."""
    return {name: value for name, value in all_facts(*ports, seconds=seconds).items() if name.startswith("port ")}


def all_facts(*ports: str, seconds: int = 3) -> dict[str, str]:
    """What the script prints, on a machine without a file of containerd."""
    text = (
        FACTS.read_text().replace("PORT_SECONDS=3", f"PORT_SECONDS={seconds}").replace("/etc/containerd/", "/nowhere/")
    )
    given = f"PAUSE_IMAGE=x MARKS= PORTS='{' '.join(ports)}'\n"
    stubs = "".join(f"{name}() {{ :; }}\n" for name in ("crictl", "journalctl", "systemctl", "busctl", "containerd"))
    printed = subprocess.run(
        ["bash", "-euo", "pipefail"], input=f"{stubs}{given}{text}", capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split("\t", 1) for line in printed.splitlines())


def test_a_missing_file_of_containerd_disables_no_plugin() -> None:
    """The error of the missing file was the value, and status named the CRI plugin as disabled."""
    assert all_facts()["cri_disabled"] == ""


def test_an_open_port_is_no_fact_and_a_refusal_is_one(listener: int) -> None:
    """The kernel refuses where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    assert facts_about(f"127.0.0.1:{listener}", f"127.0.0.1:{closed}") == {f"port 127.0.0.1:{closed}": REFUSED}


def test_silence_is_reported_within_its_time() -> None:
    """A queue that is full drops what comes, as a firewall does."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        with socket.create_connection(address):
            port = f"127.0.0.1:{address[1]}"
            assert facts_about(port, seconds=1) == {f"port {port}": "no answer within 1 s"}


def test_each_checked_port_is_one_number() -> None:
    """`make status` connects to it."""
    assert [port for port in PORTS if port.is_checked and not port.number.isdigit()] == []


def test_the_page_of_hosts_has_what_the_scripts_install(tmp_path: Path) -> None:
    """Also a program that a script needs from now on."""
    page = (SCRIPTS.parent / "docs" / "hosts.md").read_text()
    for package in ("haproxy", "keepalived", "kubelet", "gnupg", "containerd or containerd.io"):
        assert f"\n| {package} | " in page
    prepare = tmp_path / "parts" / "prepare"
    prepare.mkdir(parents=True)
    for path in (SCRIPTS / "parts" / "prepare").iterdir():
        (prepare / path.name).write_text(path.read_text().replace("curl curl\n", "curl curl\nnft nftables\n"))
    assert "\n| nftables | hosts without `nft` |\n" in hosts_page(tmp_path)


def test_a_script_that_installs_a_package_is_one_that_the_page_reads() -> None:
    """Another one would be missing on the page."""
    installs = re.compile(r"^(?!.*\(\)).*\b(?:install_program|install_held|apt_get install)\b", re.MULTILINE)
    found = {path.name for path in SCRIPTS.rglob("*.sh") if installs.search(path.read_text())}
    of_upgrades = {"upgrade.sh", "worker.sh", "packages.sh"}
    assert found - of_upgrades == {"containerd.sh", "kubernetes.sh", "load_balancer.sh", "programs.sh", "vip.sh"}
