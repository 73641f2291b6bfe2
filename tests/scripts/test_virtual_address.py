"""A virtual address that another machine has is refused, and one that a control plane of the cluster has is not."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.host_files import File
from components.host_files.vip import CONFIGURATION
from tests.scripts.cluster import STATE
from tests.scripts.machine import Machine, until
from tests.scripts.preparation import MACHINE_VALUES

VIP = "192.0.2.100"
VALUES = MACHINE_VALUES | {"VIP": VIP, "CLUSTER_ID": "0123"}
KEEPALIVED = File(
    CONFIGURATION,
    "    unicast_src_ip 192.0.2.11\n    unicast_peer {\n        192.0.2.12\n        192.0.2.13 # leaves\n    }\n"
    f"    virtual_ipaddress {{\n        {VIP}/32\n    }}\n",
)
ADDRESS = "2: eth1    inet 192.0.2.11/24 brd 192.0.2.255 scope global eth1"
NEIGHBOUR = f"{VIP} lladdr 02:00:00:00:00:99 REACHABLE"


@pytest.fixture
def network(sound: Machine) -> Machine:
    """A network. The file `at-ADDRESS` sets the answer of a machine: by a server, a refusal, or as a neighbour only."""
    sound.stub(
        "ip",
        f'case "$*" in\n*"address show to {VIP}/32") cat "$ROOT/own" 2>/dev/null || true ;;\n'
        f'*"address show"*) echo "{ADDRESS}" ;;\n*"route show match"*) echo 192.0.2.0/24 ;;\n'
        f'*"neighbour show"*) [[ ! -e $ROOT/at-{VIP} ]] || echo "{NEIGHBOUR}" ;;\nesac',
    )
    sound.stub(
        "timeout",
        f'[[ $1 == 10 ]] || exec {shutil.which("timeout")} "$@"\n'
        '[[ $2 != openssl ]] || { cmp --silent "$ROOT/etc/kubernetes/pki/ca.crt" "$ROOT/authority"; exit; }\n'
        'case $(cat "$ROOT/at-${@: -2:1}" 2>/dev/null) in\n'
        "a\\ server) ;;\nrefusal) echo Connection refused; exit 1 ;;\nsilence) exit 124 ;;\n"
        "*) echo No route to host; exit 1 ;;\nesac",
    )
    sound.replace("lib/virtual_address", "comes_true 10", "comes_true 1")
    return sound


def refusal(machine: Machine, values: dict[str, str] = VALUES) -> str:
    """What the machine is refused for; nothing where it is not."""
    finished = machine.run_part("machine", values, [KEEPALIVED])
    assert finished.status == (1 if finished.stderr else 0)
    return finished.stderr


@pytest.mark.parametrize("answer", ["a server", "refusal", "silence"])
def test_a_virtual_address_that_another_machine_has_is_refused_before_anything_is_changed(
    network: Machine, answer: str
) -> None:
    """Two machines would have it, and people reach one or the other. A firewall may drop what they send."""
    assert refusal(network) == ""
    network.write(f"/at-{VIP}", answer)
    problem = refusal(network)
    assert f"expected the virtual address {VIP} to be free, or at a control plane of this cluster,\n" in problem
    assert f"saw another machine that answers there: {NEIGHBOUR}\n" in problem
    assert "Next: choose another cluster.vip.address in the stack file" in problem
    assert not [call for call in network.calls() if call.startswith("apt-get")]


@pytest.mark.parametrize("peer", ["192.0.2.12", "192.0.2.13"])
def test_a_new_control_plane_finds_the_address_where_another_one_serves(network: Machine, peer: str) -> None:
    """It joins a cluster, or its first update was cut short. The other one may be about to leave."""
    network.write(f"/at-{VIP}", "a server")
    network.write(f"/at-{peer}", "refusal")
    assert refusal(network)
    network.write(f"/at-{peer}", "a server")
    assert refusal(network) == ""


def test_a_node_knows_the_api_server_of_its_cluster_by_the_certificate(network: Machine) -> None:
    """A cluster that runs gets a virtual address, which another control plane may have by now; all of them serve."""
    network.write(f"/at-{VIP}", "a server")
    network.write("/at-192.0.2.12", "a server")
    network.write("/etc/kubernetes/pki/ca.crt", "of the cluster")
    network.write(f"{STATE}/owner", "0123")
    network.write("/authority", "of another one")
    assert "expected the virtual address" in refusal(network)
    network.write("/authority", "of the cluster")
    assert refusal(network) == ""


def test_a_machine_of_another_cluster_is_refused_for_that(network: Machine) -> None:
    """By a later part: the authority of that machine proves nothing about this cluster."""
    network.write(f"/at-{VIP}", "a server")
    network.write("/at-192.0.2.12", "a server")
    network.write("/etc/kubernetes/pki/ca.crt", "of another one")
    network.write("/authority", "of the cluster")
    assert refusal(network) == ""


@pytest.mark.parametrize("known", ["own address", "part in it", "no file", "an older step"])
def test_nothing_is_looked_for_where_nothing_can_be_wrong(network: Machine, known: str) -> None:
    """A repair of a control plane that holds the address, or takes part in it; the step before the preparation."""
    network.write(f"/at-{VIP}", "refusal")
    values, files = VALUES, [KEEPALIVED]
    if known == "own address":
        network.write("/own", f"2: eth1    inet {VIP}/32 scope global eth1")
    elif known == "part in it":
        network.write(CONFIGURATION, KEEPALIVED.content)
    elif known == "no file":
        files = []
    else:
        values = {name: value for name, value in VALUES.items() if name != "VIP"}
    finished = network.run_part("machine", values, files)
    assert (finished.status, finished.stderr) == (0, "")
    assert not [call for call in network.calls() if call.startswith("timeout 10") and "getent" not in call]


def test_another_address_than_the_one_that_the_machine_takes_part_in_is_looked_at(network: Machine) -> None:
    """The stack file was edited; an address may begin as the other one does."""
    network.write(CONFIGURATION, KEEPALIVED.content.replace(f"{VIP}/", "192.0.2.10/"))
    network.write(f"/at-{VIP}", "refusal")
    assert refusal(network)


def certificate_of(directory: Path) -> Path:
    """A certificate that signs itself, with its key beside it."""
    directory.mkdir()
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(directory / "key")]
    command = ["openssl", "req", "-x509", "-days", "2", "-subj", "/CN=kubernetes", *key]
    subprocess.run([*command, "-out", str(directory / "certificate")], check=True, capture_output=True)
    return directory / "certificate"


def listens(port: int) -> bool:
    """Whether something accepts connections on loopback."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A TLS server on loopback: its port, and its certificate."""
    certificate = certificate_of(tmp_path / "served")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-cert", str(certificate)]
    server = subprocess.Popen([*command, "-key", str(certificate.with_name("key"))], stdin=subprocess.PIPE)
    try:
        until(lambda: listens(port))
        yield port, certificate
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_certificate_of_another_authority_is_none_of_the_cluster(
    sound: Machine, served: tuple[int, Path], tmp_path: Path, is_ours: bool
) -> None:
    """With a real openssl: authorities of all clusters have one name."""
    port, certificate = served
    sound.stub("ip", f'case "$*" in\n*"show to 127.0.0.1/32" | *broadcast) ;;\n*) echo "{ADDRESS}" ;;\nesac')
    sound.replace("lib/virtual_address", "VIP_PORT=6443", f"VIP_PORT={port}")
    sound.replace("lib/virtual_address", "comes_true 10", "comes_true 1")
    authority = certificate if is_ours else certificate_of(tmp_path / "another")
    sound.write("/etc/kubernetes/pki/ca.crt", authority.read_text())
    sound.write(f"{STATE}/owner", "0123")
    assert (refusal(sound, VALUES | {"VIP": "127.0.0.1"}) == "") == is_ours


def test_an_address_of_which_the_kernel_says_nothing_is_not_free(network: Machine) -> None:
    """Two machines with one address are reached by turns."""
    network.write(f"/at-{VIP}", "silence")
    stub = network.path("/stubs/ip")
    stub.write_text(stub.read_text().replace(f'echo "{NEIGHBOUR}"', "exit 2"))
    assert "expected the virtual address 192.0.2.100 to be free" in refusal(network)
