"""The ways to the API of a cluster with several control planes, with requests on all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.ha.machines import HaCluster, on_machine
from tests.ha.pod import in_pod, service
from tests.ha.requests import Requests, requests
from tests.ha.vip import SERVER


@contextmanager
def worker_and_pod(live: HaCluster, control_plane: str) -> Iterator[tuple[Requests, Requests]]:
    """Requests of the worker by the endpoint, and of the pod by the service `kubernetes`, at once."""
    with requests(control_plane) as of_worker, requests(control_plane, service(live), in_pod()) as of_pod:
        yield of_worker, of_pod


@contextmanager
def all_ways(live: HaCluster, control_plane: str) -> Iterator[tuple[Requests, Requests, Requests]]:
    """These, and requests by the virtual address."""
    with worker_and_pod(live, control_plane) as two, requests(control_plane, SERVER) as by_address:
        yield *two, by_address


def check_failed(results: Requests, moves: int) -> None:
    """No request failed, but for a write at each move of the leadership of etcd."""
    unplanned = [each for each in results.failed if each not in results.dropped]
    assert unplanned == [], "\n".join(map(str, unplanned))
    assert len(results.dropped) <= moves, results.dropped


def check_planned(of_worker: Requests, of_pod: Requests, names: list[str], moves: int = 0) -> None:
    """Where nothing dies no request fails, wherever it comes from, and each control plane serves its clients again.

    Args:
        of_worker: requests of the worker.
        of_pod: requests of the pod.
        names: the control planes.
        moves: how often the leadership of etcd has moved, each of which may have dropped one write.
    """
    check_failed(of_worker, moves)
    check_failed(of_pod, moves)
    for name in names:
        assert "PULUMI-KUBEADM-API" not in on_machine(name, "iptables-save"), name
