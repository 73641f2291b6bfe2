"""Contradictions of hosts: their names, addresses, networks and host keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.settings.known_hosts import known_host_key
from tests.unit.support.stacks import KEY, only_problem, problems, smallest, with_workers


def test_two_hosts_with_the_same_node_ip_are_refused() -> None:
    """Their SSH addresses may differ all the same."""
    stack = with_workers("node2", "node3")
    for name in ("node2", "node3"):
        stack["hosts"][name]["nodeIp"] = "198.51.100.7"
    assert only_problem(stack) == "hosts.node3.nodeIp: 198.51.100.7 is the address of node2"


def test_pod_and_service_networks_that_overlap_are_refused() -> None:
    """The first address of each is not all there is."""
    stack = smallest()
    stack["cluster"]["networking"] = {"podSubnet": "10.96.0.0/16", "serviceSubnet": "10.96.128.0/20"}
    assert only_problem(stack).endswith("podSubnet 10.96.0.0/16 overlaps serviceSubnet 10.96.128.0/20")


@pytest.mark.parametrize(("network", "subnet"), [("podSubnet", "192.0.2.0/24"), ("serviceSubnet", "192.0.0.0/16")])
def test_a_host_in_the_pod_or_service_network_is_refused(network: str, subnet: str) -> None:
    """Its packets would never leave the node."""
    stack = smallest()
    stack["cluster"]["networking"] = {network: subnet}
    expected = f"hosts.node1: its address 192.0.2.11 lies in cluster.networking.{network} {subnet}"
    assert only_problem(stack) == expected


@pytest.mark.parametrize(
    ("bastion", "place"), [({}, ""), ({"address": "192.0.2.1", "hostKey": f"{KEY}1"}, " on 192.0.2.1")]
)
def test_a_host_without_a_host_key_is_refused_with_the_command_that_reads_it(
    bastion: dict[str, str], place: str
) -> None:
    """No machine is trusted on first use. A host behind a bastion answers nobody else."""
    stack = with_workers("node2")
    del stack["hosts"]["node2"]["hostKey"]
    stack["ssh"] = {**stack.get("ssh", {}), **({"bastion": bastion} if bastion else {})}
    problem = only_problem(stack)
    assert problem.startswith("hosts.node2.hostKey: missing")
    assert f"read it{place} with `ssh-keyscan -t ed25519 -p 22 192.0.2.12`" in problem


def test_a_known_hosts_file_stands_for_a_missing_host_key(tmp_path: Path) -> None:
    """Only for a host that it has a line for."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"192.0.2.12 {KEY}12\n")
    stack = with_workers("node2")
    del stack["hosts"]["node2"]["hostKey"]
    stack["ssh"] = {"knownHostsFile": str(tmp_path / "known_hosts")}
    assert problems(stack) == []
    known_hosts.write_text(f"192.0.2.1 {KEY}12\n")
    assert only_problem(stack).startswith(f"hosts.node2.hostKey: missing, and {known_hosts} has no line for 192.0.2.12")


@pytest.mark.parametrize("names", ["192.0.2.12", "*", "|1|c2FsdA==|aGFzaA==", "other.example.com"])
def test_a_revoked_host_key_is_refused(tmp_path: Path, names: str) -> None:
    """As sshd(8) says: never to be accepted, whichever host shows it."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"192.0.2.12 {KEY}12 old\n@revoked {names}\t{KEY}12 stolen\n")
    stack = with_workers("node2") | {"ssh": {"knownHostsFile": str(known_hosts)}}
    expected = f"hosts.node2.hostKey: {known_hosts} marks it as revoked, found '{KEY}12'"
    assert only_problem(stack) == expected
    del stack["hosts"]["node2"]["hostKey"]
    assert only_problem(stack).startswith("hosts.node2.hostKey: missing, and ")
    known_hosts.write_text(f"{known_hosts.read_text()}192.0.2.12 {KEY}13\n")
    assert known_host_key(known_hosts, "192.0.2.12", 22) == f"{KEY}13"
    stack["ssh"]["bastion"] = {"address": "192.0.2.1", "hostKey": f"{KEY}12"}
    assert only_problem(stack).startswith("ssh.bastion.hostKey: ")


def test_a_node_ip_that_is_the_address_of_another_host_is_refused() -> None:
    """A slip of copying."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["nodeIp"] = "192.0.2.11"
    assert "hosts.node2.nodeIp: 192.0.2.11 is the address of node1" in problems(stack)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.9", "224.0.0.5", "240.0.0.1", "255.255.255.255"])
def test_an_address_that_no_network_card_has_is_not_that_of_a_node(address: str) -> None:
    """The address of the SSH server may be a forwarded port of this computer, where the node has another."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["nodeIp"] = address
    expected = f"an address by which other machines find the node, found {address}"
    assert only_problem(stack) == f"hosts.node2.nodeIp: {expected}"
    stack["hosts"]["node2"] |= {"nodeIp": None, "address": address}
    assert only_problem(stack) == f"hosts.node2.address: {expected}"
    stack["hosts"]["node2"]["nodeIp"] = "192.0.2.12"
    assert problems(stack) == []


def test_a_host_cannot_have_another_name_than_its_key() -> None:
    """Two names would make two machines of one."""
    stack = smallest()
    stack["hosts"]["node1"]["name"] = "node9"
    assert only_problem(stack).startswith("hosts.node1.name: ")
