"""The API server that a kubeconfig leads to where a control plane is dead."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from components.settings.stack_file import parse_settings
from operations.access import servers
from operations.access.servers import answering_kubeconfig
from tests.unit.support.stacks import Stack as StackFile
from tests.unit.support.stacks import with_workers

pytestmark = pytest.mark.usefixtures("nodes_on_loopback")
KUBECONFIG = "clusters:\n- cluster:\n    server: https://127.83.0.1:{port}\n"


class Stack:
    """A stack with control planes at these addresses, whose kubeconfig leads to the first."""

    def __init__(self, *addresses: str, port: int, **cluster: Any) -> None:
        stack: StackFile = with_workers(*(f"node{number}" for number in range(2, len(addresses) + 1)))
        stack["cluster"] |= cluster
        for host, address in zip(stack["hosts"].values(), addresses, strict=True):
            host |= {"address": address, "role": "control-plane"}
        self.settings = lambda: parse_settings(stack)
        self.output = lambda _: KUBECONFIG.format(port=port)


@pytest.fixture
def living(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port of 127.83.0.2 alone that takes connections, as the port of each API server: other tests have 127.0.0.1."""
    with socket.create_server(("127.83.0.2", 0)) as server:
        port: int = server.getsockname()[1]
        monkeypatch.setattr("components.host_files.kubeadm.API_PORT", port)
        monkeypatch.setattr(servers, "CONNECT_SECONDS", 1)
        yield port


def test_a_kubeconfig_leads_to_a_control_plane_that_answers(living: int) -> None:
    """The first is dead."""
    found = answering_kubeconfig(Stack("127.83.0.1", "127.83.0.2", "127.83.0.3", port=living))  # type: ignore[arg-type]
    assert found == KUBECONFIG.format(port=living).replace("127.83.0.1", "127.83.0.2")


@pytest.mark.parametrize("addresses", [("127.83.0.1",), ("127.83.0.1", "127.83.0.3")])
def test_a_kubeconfig_stays_where_nothing_better_answers(addresses: tuple[str, ...], living: int) -> None:
    """What fails then names the address of the last update."""
    stack = Stack(*addresses, port=living)
    assert answering_kubeconfig(stack) == KUBECONFIG.format(port=living)  # type: ignore[arg-type]


@pytest.mark.parametrize("answers", ["192.0.2.100", "192.0.2.12"])
def test_a_virtual_address_is_asked_before_the_control_planes(answers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no machine has the virtual address, each control plane is contacted as in a stack without one."""
    stack = Stack("192.0.2.11", "192.0.2.12", port=6443, vip={"address": "192.0.2.100"})
    contacted: list[str] = []

    def connects(server: str) -> bool:
        contacted.append(server)
        return server == f"https://{answers}:6443"

    monkeypatch.setattr(servers, "_connects", connects)
    assert answering_kubeconfig(stack) == KUBECONFIG.format(port=6443).replace("127.83.0.1", answers)  # type: ignore[arg-type]
    assert contacted[:2] == ["https://127.83.0.1:6443", "https://192.0.2.100:6443"]


def test_a_load_balancer_of_the_stack_is_not_passed_by(living: int) -> None:
    """It may be the only way to the API."""
    own = {"controlPlaneEndpoint": "api.example.com:6443"}
    stack = Stack("127.83.0.1", "127.83.0.2", "127.83.0.3", port=living, **own)
    assert answering_kubeconfig(stack) == KUBECONFIG.format(port=living)  # type: ignore[arg-type]
