"""What a deleted checkout left in podman does not block the machines of another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.machines.engine import LABEL, inspected, podman
from local.machines.leftovers import remove_leftovers
from local.paths import REPOSITORY

STEP = "make leftovers"
NETWORK = "leftovers"


@pytest.fixture(autouse=True)
def _no_network_stays() -> Iterator[None]:
    yield
    if inspected("network", NETWORK, step=STEP):
        podman("network", "rm", "--force", NETWORK, step=STEP)


def make_network(checkout: Path) -> None:
    """Make a network as the local machines of a checkout have it."""
    podman("network", "create", "--internal", "--label", f"{LABEL}=try {checkout}", NETWORK, step=STEP)


def test_a_network_and_a_volume_of_a_deleted_checkout_are_removed(tmp_path: Path) -> None:
    """A machine goes with its disks, which its container alone names."""
    checkout = tmp_path / "checkout"
    make_network(checkout)
    image = podman("images", "--quiet", step=STEP).split()[0]
    label = ("--label", f"{LABEL}=try {checkout}")
    podman(
        *("create", "--name", "leftover", *label, "--network", NETWORK, "--volume", "leftover-etcd:/var/lib/etcd"),
        *(image, "/bin/true"),
        step=STEP,
    )
    remove_leftovers()
    for kind, name in (("container", "leftover"), ("volume", "leftover-etcd"), ("network", NETWORK)):
        assert inspected(kind, name, step=STEP) is None


def test_the_network_of_a_checkout_that_is_there_stays() -> None:
    """Two checkouts may have local machines at the same time, of different environments."""
    make_network(REPOSITORY)
    remove_leftovers()
    assert inspected("network", NETWORK, step=STEP)
