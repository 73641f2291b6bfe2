"""Three control planes with a virtual address: an update, a holder that is replaced, and one that dies."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator

import pytest
import yaml

from local import cluster, machines
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, hosts, on_machine, stack
from tests.ha.requests import Requests, requests

THREE = ["node1", "node2", "node3"]
NEW = "node5"
VIP = f"{HA.network}.100"
SERVER = f"https://{VIP}:6443"
LIMIT = 20
"""Requests that may fail, four seconds of them: connections to the machine that had the address end with it."""

HAS_ADDRESS = f"[[ -n $(ip -oneline address show to {VIP}/32) ]]"
WATCH = f"""\
systemctl stop vip-watch 2>/dev/null || true
cat >/run/vip-watch.sh <<'SCRIPT'
while sleep 0.1; do
  held=0
  ! {HAS_ADDRESS} || held=1
  printf '%s %s\\n' "$EPOCHREALTIME" "$held"
done >/run/vip-watch.log
SCRIPT
systemd-run --quiet --collect --unit vip-watch bash /run/vip-watch.sh
"""
"""Writes down ten times a second whether the machine has the address; all machines have one clock."""


@pytest.fixture(scope="module")
def three() -> Iterator[HaCluster]:
    """Three control planes with a virtual address, and a worker."""
    cluster.take_down(stack(THREE, [WORKER]))
    try:
        yield bring_up(THREE, [WORKER], vip={"address": VIP})
    finally:
        cluster.take_down(stack(THREE, [WORKER]))


def holders(names: Iterable[str]) -> list[str]:
    """Names of the machines that have the address."""
    return [name for name in names if on_machine(name, f"if {HAS_ADDRESS}; then echo yes; fi")]


def only_holder(names: Iterable[str]) -> str:
    """The machine that has the address; the address has as long as keepalived needs to find that nobody has it."""
    listed = list(names)
    for _ in range(20):
        found = holders(listed)
        if found:
            break
        time.sleep(1)
    (holder,) = found
    return holder


def held(name: str) -> list[tuple[float, float]]:
    """When a machine had the address: first and last moment of each time."""
    samples = [line.split() for line in on_machine(name, "cat /run/vip-watch.log").splitlines()]
    times = []
    for is_held, group in itertools.groupby(samples, key=lambda sample: sample[1]):
        moments = [float(moment) for moment, _ in group]
        times += [(moments[0], moments[-1])] if is_held == "1" else []
    return times


def at_once(names: Iterable[str]) -> list[str]:
    """A line for each time at which two machines had the address."""
    return [
        f"{first} and {second}: {min(a[1], b[1]) - max(a[0], b[0]):.1f} s"
        for first, second in itertools.combinations(names, 2)
        for a in held(first)
        for b in held(second)
        if max(a[0], b[0]) < min(a[1], b[1])
    ]


def watch(names: Iterable[str]) -> None:
    """Begin to write down who has the address."""
    for name in names:
        on_machine(name, WATCH)


def check(asked: Requests, names: Iterable[str]) -> None:
    """Few requests failed, and no two of the machines had the address at once."""
    assert len(asked.failed) <= LIMIT, asked.failed
    assert asked.count > len(asked.failed)
    assert at_once(names) == []


def test_one_machine_has_the_address_from_the_first_update_on(three: HaCluster) -> None:
    """The kubeconfig of people names it, and a second update dials nobody."""
    kubeconfig = yaml.safe_load((HA.directory / "kubeconfig").read_text())
    assert kubeconfig["clusters"][0]["cluster"]["server"] == SERVER
    only_holder(THREE)
    assert three.ready_nodes() == {*THREE, WORKER}
    before = three.logins()
    three.up("--expect-no-changes")
    assert three.logins() == before


def test_an_update_moves_the_address_before_its_holder_restarts(three: HaCluster, say: Callable[[str], None]) -> None:
    """Each control plane gets new arguments, one after the other."""
    watch(THREE)
    holder = only_holder(THREE)
    arguments = [{"name": "tls-min-version", "value": "VersionTLS13"}]
    three.edit(hosts(THREE, [WORKER]), clusterConfiguration={"apiServer": {"extraArgs": arguments}})
    with requests(server=SERVER) as asked:
        three.up()
    say(f"new arguments, by the virtual address: {asked}; {holder}, then {only_holder(THREE)}")
    assert len([name for name in THREE if held(name)]) > 1, "the address has moved"
    check(asked, THREE)


def test_a_holder_is_replaced_by_one_edit(three: HaCluster, say: Callable[[str], None]) -> None:
    """It has the address until its API server ends; the others do not take it before, nor it from them."""
    holder = only_holder(THREE)
    rest = [name for name in THREE if name != holder]
    watch([*THREE, NEW])
    three.edit(hosts([*rest, NEW], [WORKER]))
    with requests(rest[0], SERVER) as asked:
        three.up()
    say(f"{holder}, which has the virtual address, is replaced: {asked}")
    assert only_holder([*rest, NEW]) != holder
    assert holders([holder]) == []
    assert on_machine(holder, "find /etc /run -name 'kubernetes-vip*'") == ""
    check(asked, [*THREE, NEW])
    three.up("--expect-no-changes")


def test_a_holder_dies(three: HaCluster, say: Callable[[str], None]) -> None:
    """Another one takes the address after three silent seconds."""
    living = sorted(three.ready_nodes() - {WORKER})
    holder = only_holder(living)
    rest = [name for name in living if name != holder]
    watch(rest)
    with requests(rest[0], SERVER) as asked:
        machines.delete_machine(HA, holder)
        time.sleep(30)
    say(f"{holder}, which has the virtual address, dies: {asked}; then {only_holder(rest)}")
    check(asked, rest)
