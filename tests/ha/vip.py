"""The virtual address of the API: who has it, and who had it when."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable

from tests.ha.machines import HA, on_machine
from tests.ha.requests import Requests

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


def check(results: Requests, names: Iterable[str]) -> None:
    """Few requests failed, and no two of the machines had the address at once."""
    assert len(results.failed) <= LIMIT, results.failed
    assert len(results.sent) > len(results.failed)
    assert at_once(names) == []
