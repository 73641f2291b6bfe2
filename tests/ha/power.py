"""Machines that lose their power at a point of a step, and get it back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from local import machines
from local.machines.engine import podman
from problem import StepError
from tests.ha.machines import HA, HaCluster, on_machine

POINT_SECONDS = 600
UPDATE_SECONDS = 1800
FREEZE = """\
end=$((SECONDS + {seconds}))
until {point}; do
  ((SECONDS < end))
  sleep 0.02
done
pkill -STOP --full 'steps/{step}\\.sh|^kubeadm ' || exit 0
echo frozen
"""
"""What works on the machine stops in the middle, until the machine stops."""


def cut_power(machine: str) -> None:
    """Switch a machine off, which has no time to end anything."""
    # After `podman kill` its restart policy would start the machine beside us.
    podman("stop", "--time", "0", HA.container(machine), step=f"cut the power of {machine}")


def give_power() -> None:
    """Switch on the machines that are off, and make those anew that were deleted."""
    machines.create(HA)


@contextmanager
def failing_update(live: HaCluster) -> Iterator[list[str]]:
    """Run an update beside the block, which makes it fail; afterwards the list has what a person reads."""
    messages: list[str] = []
    with ThreadPoolExecutor(max_workers=1) as pool:
        update = pool.submit(live.stack.up)
        yield messages
        with pytest.raises(StepError) as error:
            update.result(timeout=UPDATE_SECONDS)
    messages.append(str(error.value))


def update_cut_at(live: HaCluster, machine: str, step: str, point: str) -> str:
    """Cut the power of a machine at a point of a step of an update, and give it back.

    Args:
        live: the cluster, with a stack file that was edited.
        machine: the machine on which the step runs.
        step: name of the step's script.
        point: a command of bash, which succeeds on the machine from that point on.

    Returns:
        What a person reads of the update, which failed.
    """
    with failing_update(live) as messages:
        script = FREEZE.format(seconds=POINT_SECONDS, point=point, step=step)
        assert on_machine(machine, script, POINT_SECONDS + 60) == "frozen\n", "the step was over"
        cut_power(machine)
        give_power()
    return messages[0]
