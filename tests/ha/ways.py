"""The ways to the API of a cluster with several control planes, asked at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.ha.machines import HaCluster, on_machine
from tests.ha.pod import in_pod, service
from tests.ha.requests import Requests, requests
from tests.ha.vip import SERVER


@contextmanager
def all_ways(live: HaCluster, control_plane: str) -> Iterator[tuple[Requests, Requests, Requests]]:
    """Requests of the worker, of the pod, and by the virtual address, at once."""
    with ExitStack() as each:
        yield (
            each.enter_context(requests(control_plane)),
            each.enter_context(requests(control_plane, service(live), in_pod())),
            each.enter_context(requests(control_plane, SERVER)),
        )


def check_planned(of_worker: Requests, of_pod: Requests, names: list[str]) -> None:
    """Where nothing dies no request fails, wherever it comes from, and each control plane serves its clients again."""
    assert not of_worker.failed, of_worker.failed[:20]
    assert not of_pod.failed, of_pod.failed[:20]
    for name in names:
        assert "PULUMI-KUBEADM-API" not in on_machine(name, "iptables-save"), name
