"""A writer that counts: numbered objects, the numbers that the API acknowledged, and those that are there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.ha.machines import HaCluster
from tests.ha.requests import Requests, requests
from tests.recovery.commands import make

SCRIPT = Path(__file__).with_name("writer.sh")
SECONDS = 5
"""Time for which the writer writes before a bundle is made, and again after that."""


@dataclass(frozen=True)
class Saved:
    """A bundle that was made while a writer wrote.

    Attributes:
        bundle: the file.
        before: numbers that were acknowledged before it was asked for.
        last: the largest number that was acknowledged when it was there; one more may have been on its way.
    """

    bundle: Path
    before: list[int]
    last: int

    def lost(self, live: HaCluster) -> list[int]:
        """Numbers of acknowledged writes from before the bundle that are not in the cluster."""
        return sorted({*self.before} - there(live))

    def later(self, live: HaCluster) -> list[int]:
        """Numbers of writes from after the bundle that are in the cluster."""
        return sorted(number for number in there(live) if number > self.last + 1)


def acknowledged(writes: Requests) -> list[int]:
    """Numbers of the objects that the API has acknowledged so far."""
    return [each.number for each in writes.so_far() if each.status == "201"]


def there(live: HaCluster) -> set[int]:
    """Numbers of the objects in the cluster."""
    names = live.kubectl("get", "configmaps", "--output", "name").split()
    numbered = "configmap/numbered-"
    return {int(name.removeprefix(numbered)) for name in names if name.startswith(numbered)}


def save_while_writing(live: HaCluster, directory: Path) -> Saved:
    """A bundle by `make snapshot`, in the directory, whose recipient the stack names."""
    with requests(script=SCRIPT) as writes:
        time.sleep(SECONDS)
        before = acknowledged(writes)
        printed = make("snapshot", f"DIRECTORY={directory}")
        last = acknowledged(writes)[-1]
        time.sleep(SECONDS)
    (bundle,) = directory.glob("*.bundle")
    assert f"{bundle.name}: encrypted for" in printed, printed
    saved = Saved(bundle, before, last)
    assert before
    assert saved.lost(live) == []
    assert saved.later(live)
    return saved
