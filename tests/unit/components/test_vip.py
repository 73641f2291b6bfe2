"""The virtual address of the API: stacks that cannot have one, the files of keepalived, certificates, kubeconfigs."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.host_files import File, kubeadm
from components.host_files.vip import CONFIGURATION, SCRIPT, UNIT, has_former_peers_only, vip_files
from components.settings.stack_file import parse_settings
from components.steps.step import StepName
from tests.unit.support.files import prepared_files
from tests.unit.support.golden import as_text, assert_golden
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import Recording, record
from tests.unit.support.several import host_line, several, steps_of
from tests.unit.support.stacks import KEY, Stack, only_problem, problems, smallest

VIP = "192.0.2.100"
FILES = "host-files"
THREE = "node1 node2 node3"


def with_vip(stack: Stack, address: str = VIP, **cluster: Any) -> Stack:
    """The stack with a virtual address, and perhaps other settings of the cluster."""
    stack["cluster"] |= {"vip": {"address": address}} | cluster
    return stack


def small(*control_planes: str) -> Stack:
    """A small stack of these control planes."""
    return smallest() | {"hosts": {name: host_line(name, "control-plane") for name in control_planes}}


@pytest.fixture(scope="module")
def three(directory: Path) -> Recording:
    """Three control planes and two workers, up, with a virtual address."""
    return record(with_vip(several(directory, THREE)), preview=False)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("192.0.2.11", "an address of its own, found 192.0.2.11, the address of node1"),
        ("10.0.0.11", "an address of its own, found 10.0.0.11, the address of node1"),
        ("10.244.3.1", "10.244.3.1 lies in cluster.networking.podSubnet 10.244.0.0/16"),
        ("10.96.0.1", "10.96.0.1 lies in cluster.networking.serviceSubnet 10.96.0.0/12"),
        ("224.0.0.18", "an address that a network card can have, and others can reach, found 224.0.0.18"),
        ("127.0.0.2", "an address that a network card can have, and others can reach, found 127.0.0.2"),
        ("169.254.0.9", "an address that a network card can have, and others can reach, found 169.254.0.9"),
        ("0.0.0.0", "an address that a network card can have, and others can reach, found 0.0.0.0"),  # noqa: S104
        ("0.0.0.9", "an address that a network card can have, and others can reach, found 0.0.0.9"),
        ("240.0.0.9", "an address that a network card can have, and others can reach, found 240.0.0.9"),
        ("255.255.255.255", "an address that a network card can have, and others can reach, found 255.255.255.255"),
    ],
)
def test_an_address_that_cannot_be_virtual_is_refused(address: str, problem: str) -> None:
    """Before anything is touched."""
    stack = with_vip(smallest(), address)
    stack["hosts"]["node1"]["nodeIp"] = "10.0.0.11"
    assert only_problem(stack) == f"cluster.vip.address: {problem}"


def test_a_virtual_address_is_not_that_of_the_bastion() -> None:
    """Connections to the bastion would reach a control plane."""
    stack = with_vip(smallest()) | {"ssh": {"bastion": {"address": VIP, "hostKey": KEY}}}
    assert only_problem(stack) == f"cluster.vip.address: an address of its own, found {VIP}, the address of ssh.bastion"


@pytest.mark.parametrize("setting", [{"loadBalancer": "external"}, {}])
def test_a_load_balancer_of_the_stack_has_no_virtual_address_beside_it(setting: dict[str, str]) -> None:
    """`external` is the default where there is an endpoint."""
    stack = with_vip(smallest(), controlPlaneEndpoint="api.example.com:6443", **setting)
    assert only_problem(stack).startswith("cluster.vip: needs `loadBalancer: local`; your own load balancer is api.")
    assert problems(with_vip(smallest(), controlPlaneEndpoint="api.example.com", loadBalancer="local")) == []


@pytest.mark.parametrize("router", [0, 256])
def test_a_router_of_vrrp_has_a_number_of_one_byte(router: int) -> None:
    """VRRP has no room for another one."""
    stack = with_vip(smallest())
    stack["cluster"]["vip"]["routerId"] = router
    assert only_problem(stack).startswith("cluster.vip.routerId")


def test_a_control_plane_gets_exactly_these_files() -> None:
    """Golden: the second of three."""
    settings = parse_settings(with_vip(small("node1", "node2", "node3")))
    assert_golden("vip.txt", as_text(vip_files(settings.hosts["node2"], settings)))


def test_only_living_control_planes_take_part(directory: Path) -> None:
    """By name, each with a priority of its own, wherever their lines stand."""
    stack = with_vip(several(directory, "node3 node2 node1 node4"))
    stack["hosts"]["node4"]["gone"] = True
    settings = parse_settings(stack)
    lines = {name: found[0].content.splitlines() for name in settings.hosts if (found := of_keepalived(stack, name))}
    assert {name: peers(content) for name, content in lines.items()} == {
        "node1": ["192.0.2.12", "192.0.2.13"],
        "node2": ["192.0.2.11", "192.0.2.13"],
        "node3": ["192.0.2.11", "192.0.2.12"],
    }
    assert [line for name in sorted(lines) for line in lines[name] if "priority" in line] == [
        "    priority 254",
        "    priority 169",
        "    priority 84",
    ]


def of_keepalived(stack: Stack, name: str) -> list[File]:
    """The files of keepalived of a host; the configuration is the first."""
    settings = parse_settings(stack)
    paths = [CONFIGURATION, SCRIPT, UNIT]
    found = [file for file in prepared_files(settings.hosts[name], settings) if file.path in paths]
    return sorted(found, key=lambda file: paths.index(file.path))


def peers(lines: list[str]) -> list[str]:
    """Addresses in the block of peers."""
    first = lines.index("    unicast_peer {") + 1
    return [line.strip() for line in lines[first : lines.index("    }", first)]]


def test_the_only_control_plane_has_itself_as_a_peer() -> None:
    """Without any peer keepalived would use multicast, and meet routers of others."""
    assert peers(of_keepalived(with_vip(smallest()), "node1")[0].content.splitlines()) == ["127.0.0.1"]
    assert of_keepalived(smallest(), "node1") == []


@pytest.mark.skipif(shutil.which("keepalived") is None, reason="no keepalived here")
@pytest.mark.parametrize("names", [("node1",), ("node1", "node2", "node3")])
def test_keepalived_takes_its_configuration(names: tuple[str, ...], tmp_path: Path) -> None:
    """On a network card that is there, with a script that is there."""
    content = of_keepalived(with_vip(small(*names)), "node1")[0].content
    card = next(name for _, name in socket.if_nameindex() if name != "lo")
    (tmp_path / "interface.conf").write_text(f"interface {card}\n")
    (tmp_path / "vip.conf").write_text(
        content.replace("/run/kubernetes-vip", str(tmp_path)).replace(f"{SCRIPT} api-is-ready", "/bin/true")
    )
    command = ["keepalived", "--config-test", "--use-file", str(tmp_path / "vip.conf")]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_bash_reads_the_script_of_keepalived() -> None:
    """It is written by Python."""
    (_, script, _) = of_keepalived(with_vip(smallest()), "node1")
    shellcheck = Path(__file__).parents[3] / ".venv" / "bin" / "shellcheck"
    finished = subprocess.run([shellcheck, "-"], input=script.content, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout + finished.stderr) == (0, "")


@pytest.mark.parametrize("version", ["1.29.15", "1.36.3"])
@pytest.mark.parametrize(
    ("own", "names"),
    [({}, [VIP]), ({"certSANs": ["a.example.com"]}, ["a.example.com", VIP]), ({"certSANs": [VIP, "b"]}, [VIP, "b"])],
)
def test_the_certificate_of_the_api_server_has_the_virtual_address(
    own: dict[str, Any], names: list[str], version: str
) -> None:
    """Beside the names of the stack, and once; other settings of the API server stay."""
    server = own | {"timeoutForControlPlane": "5m"}
    stack = with_vip(smallest(), kubernetesVersion=version, clusterConfiguration={"apiServer": server})
    settings = parse_settings(stack)
    (content,) = [
        file.content for file in prepared_files(settings.control_planes[0], settings) if file.path == kubeadm.PATH
    ]
    (found,) = [each for each in yaml.safe_load_all(content) if each["kind"] == "ClusterConfiguration"]
    assert found["apiServer"]["certSANs"] == names
    assert found["apiServer"]["timeoutForControlPlane"] == "5m"
    assert "shutdown-delay-duration" in str(found["apiServer"]["extraArgs"])


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ([1], "apiServer: a mapping, found [1]"),
        ({"certSANs": "a.example.com"}, "apiServer.certSANs: a list of names"),
        ({"certSANs": [1]}, "apiServer.certSANs: expected a host name"),
    ],
)
def test_settings_of_the_api_server_that_cannot_be_added_to_are_refused(server: Any, problem: str) -> None:
    """Otherwise the address would be merged into something else, or the program would end with a traceback."""
    stack = with_vip(smallest(), clusterConfiguration={"apiServer": server})
    assert only_problem(stack).startswith(f"cluster.clusterConfiguration.{problem}")


def test_an_address_that_comes_reconfigures_each_control_plane_and_no_worker(directory: Path) -> None:
    """The certificate of each API server is made anew, in turn. The provider goes on as it was."""
    before = record(several(directory, THREE), preview=False)
    added = record(with_vip(several(directory, THREE)), preview=False, before=before)
    changed = {*steps_of(THREE, "prepare"), "node1/init", "node2/join", "node3/join"}
    assert added.changed_since(before) - {FILES} == changed
    lines = planned(with_vip(several(directory, THREE)), state_of(before))
    assert f"node1: {CONFIGURATION} comes: keepalived gives the virtual address to a control plane that serves" in lines
    assert f"node1: {UNIT} comes: keepalived starts" in lines
    assert [line for line in lines if line.startswith("node1: ") and "API server" in line]
    assert not [line for line in lines if line.startswith(("node8", "node9"))]


def test_another_address_is_planned_and_reaches_each_control_plane(directory: Path, three: Recording) -> None:
    """Certificates get it, and people. The provider goes on as it was."""
    stack = with_vip(several(directory, THREE), "192.0.2.101")
    lines = planned(stack, state_of(three))
    assert [line for line in lines if line.startswith(f"node3: {CONFIGURATION} changes: keepalived reloads, and ")]
    moved = record(stack, preview=False, before=three)
    assert moved.changed_since(three) == {*steps_of(THREE, "prepare"), "node1/init", "node2/join", "node3/join"}
    for name in THREE.split():
        assert "        192.0.2.101/32" in (state_of(moved).file(name, StepName.PREPARE, CONFIGURATION) or "")
    assert server_of_people(moved) == "https://192.0.2.101:6443"


def test_an_address_that_goes_is_planned_and_leaves_each_control_plane(directory: Path, three: Recording) -> None:
    """Its files go, by which the step stops keepalived; certificates lose it, and people get a control plane again."""
    stack = several(directory, THREE)
    lines = planned(stack, state_of(three))
    assert f"node3: {UNIT} goes: keepalived stops" in lines
    assert f"node3: {CONFIGURATION} goes: no control plane has the virtual address any more" in lines
    without = record(stack, preview=False, before=three)
    changed = {*steps_of(THREE, "prepare"), "node1/init", "node2/join", "node3/join"}
    assert without.changed_since(three) - {FILES} == changed
    last = state_of(without)
    for name in THREE.split():
        assert [last.file(name, StepName.PREPARE, path) for path in (CONFIGURATION, SCRIPT, UNIT)] == [None] * 3
        assert VIP not in (last.file(name, StepName.PREPARE, kubeadm.PATH) or "")
        assert last.value(name, StepName.PREPARE, "VIP") == ""
    assert server_of_people(without) == "https://192.0.2.11:6443"


def test_two_clusters_in_one_network_have_two_routers() -> None:
    """By their addresses, where the stack names none; no router has the number 0."""
    addresses = {"192.0.2.100": 100, "192.0.2.101": 101, "192.0.3.0": 255}
    for address, router in addresses.items():
        content = of_keepalived(with_vip(smallest(), address), "node1")[0].content
        assert f"    virtual_router_id {router}\n" in content
    stack = with_vip(smallest())
    stack["cluster"]["vip"]["routerId"] = 7
    assert "    virtual_router_id 7\n" in of_keepalived(stack, "node1")[0].content


@pytest.mark.parametrize("endpoint", [VIP, f"{VIP}:6443"])
@pytest.mark.parametrize("balancer", ["local", "external"])
def test_the_virtual_address_is_no_endpoint(endpoint: str, balancer: str) -> None:
    """No machine has it when the first one initialises; nodes never depend on it."""
    found = problems(with_vip(smallest(), controlPlaneEndpoint=endpoint, loadBalancer=balancer))
    assert [each.split(": ")[0] for each in found] == [
        "cluster.controlPlaneEndpoint" if balancer == "local" else "cluster.vip"
    ]


def server_of_people(run: Recording) -> str:
    """The URL of the API in the kubeconfig that a stack gives people."""
    printed = pulumi.runtime.sync_await._sync_await(run.outputs["kubeconfig"].future())
    return str(yaml.safe_load(str(printed))["clusters"][0]["cluster"]["server"])


def test_people_get_the_virtual_address_and_updates_do_without(three: Recording) -> None:
    """No machine may have it yet when the first objects are applied."""
    (provider,) = three.of_type("pulumi:providers:kubernetes")
    of_provider = yaml.safe_load(str(provider.inputs["kubeconfig"]))["clusters"][0]["cluster"]["server"]
    assert (server_of_people(three), of_provider) == (f"https://{VIP}:6443", "https://192.0.2.11:6443")


def configurations(run: Recording, names: str) -> dict[str, list[str]]:
    """Peers in the configuration of keepalived of each host."""
    last = state_of(run)
    return {
        name: peers((last.file(name, StepName.PREPARE, CONFIGURATION) or "").splitlines()) for name in names.split()
    }


def test_a_control_plane_that_leaves_hears_of_the_address_until_it_is_reset(directory: Path, three: Recording) -> None:
    """Unheard it would take the address, too. Afterwards its address stays where it is until something else changes."""
    stack = with_vip(several(directory, "node2 node3"))
    rest = record(stack, preview=False, before=three)
    assert configurations(rest, "node2 node3") == {
        "node2": ["192.0.2.11", "192.0.2.13"],
        "node3": ["192.0.2.11", "192.0.2.12"],
    }
    assert record(stack, preview=False, before=rest).changed_since(rest) == set()
    stack["hosts"]["node2"]["sysctl"] = {"vm.swappiness": 1}
    other = record(stack, preview=False, before=rest)
    assert configurations(other, "node2 node3") == {"node2": ["192.0.2.13"], "node3": ["192.0.2.11", "192.0.2.12"]}
    assert other.changed_since(rest) - {FILES} == {"node2/prepare"}


def test_a_control_plane_that_comes_waits_for_one_that_leaves(directory: Path, three: Recording) -> None:
    """The leaving one is no peer of the new one, and the new one none of it; one that comes back is a peer."""
    stack = with_vip(several(directory, "node2 node3 node4"))
    replaced = record(stack, preview=False, before=three)
    (line,) = [each for each in configurations(replaced, "node4")["node4"] if "leaves" in each]
    assert line == "192.0.2.11 # leaves"
    assert "leaves" not in str(configurations(replaced, "node2 node3"))
    assert record(stack, preview=False, before=replaced).changed_since(replaced) == set()
    back = record(with_vip(several(directory, "node1 node2 node3 node4")), preview=False, before=replaced)
    assert "leaves" not in str(configurations(back, "node4"))


def test_the_last_of_two_that_stays_is_left_alone_afterwards(directory: Path) -> None:
    """It has no other peer than the one that left."""
    two = record(with_vip(several(directory, "node1 node2")), preview=False)
    alone = with_vip(several(directory, "node1"))
    rest = record(alone, preview=False, before=two)
    assert configurations(rest, "node1") == {"node1": ["192.0.2.12"]}
    assert record(alone, preview=False, before=rest).changed_since(rest) == set()


@pytest.mark.parametrize(
    ("recorded", "wanted", "is_enough"),
    [
        ("node1 node2 node3", "node1 node2", False),
        ("node1 node2 node3", "node1 node3", False),
        ("node1 node2", "node1 node2 node3", False),
        ("node1 node2", "node1 node2", True),
    ],
)
def test_a_recorded_configuration_is_enough_where_nothing_but_former_peers_differs(
    recorded: str, wanted: str, is_enough: bool
) -> None:
    """Priorities follow the number of the control planes."""
    first, second = (of_keepalived(with_vip(small(*names.split())), "node1")[0].content for names in (recorded, wanted))
    second_with_former = second.replace("priority 254", "priority 253") if not is_enough else second
    assert has_former_peers_only(first, second_with_former) == is_enough
