"""Updates with an edit and a fault each, chosen by chance, on local machines: `make chaos SEED=1 MINUTES=10`.

After each update the cluster is what the stack file says, or the run ends with status 1 and says what differs. The same
seed chooses the same edits and faults.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import threading
import time

from local import cluster
from local.environment import Environment
from local.stack import LocalStack
from problem import StepError
from tests.chaos import checks, faults
from tests.chaos.model import Model, edit
from tests.faults.machines import stack

CHAOS = Environment("chaos", "192.168.60", {"node1": 9, "node2": 5, "node3": 6})
LONGEST_DELAY_SECONDS = 25
"""An undisturbed update of three machines takes about as long."""
ATTEMPTS = 3
"""Runs of `pulumi up`: the disturbed one, and two that nothing disturbs."""


def main() -> int:
    """Print a line for each update; the last line counts them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--keep", action="store_true", help="leave the machines as they are at the end")
    arguments = parser.parse_args()
    chance, lab = random.Random(arguments.seed), stack(environment=CHAOS)  # noqa: S311 (nothing secret)
    print(f"seed {arguments.seed}", flush=True)
    cluster.take_down(lab)
    try:
        cluster.up(lab)
        return _updates(lab, chance, time.monotonic() + arguments.minutes * 60)
    finally:
        if not arguments.keep:
            cluster.take_down(lab)


def _updates(lab: LocalStack, chance: random.Random, deadline: float) -> int:
    control_plane, *workers = CHAOS.machines
    model = Model(control_plane, set(workers))
    model.write(lab)
    lab.up()
    converged_by: list[int] = []
    while time.monotonic() < deadline:
        edited, fault = edit(model, lab, chance), faults.choose(chance)
        victim = chance.choice([model.control_plane, *sorted(model.workers)])
        delay = chance.uniform(0, LONGEST_DELAY_SECONDS)
        line = f"{len(converged_by) + 1}. {edited}; {fault.__name__} of {victim} after {delay:.0f} s"
        attempts, failure = _update(lab, fault, victim, delay)
        found = [failure] if failure else checks.differences(model, CHAOS)
        print(f"{line}: {attempts} runs" + "".join(f"\n    {each}" for each in found), flush=True)
        if found:
            return 1
        converged_by.append(attempts)
    more = sum(attempts > 1 for attempts in converged_by)
    print(f"{len(converged_by)} updates converged by `pulumi up`, {more} of them by a later run; 0 did not")
    return 0


def _update(lab: LocalStack, fault: faults.Fault, victim: str, delay: float) -> tuple[int, str]:
    """Number of runs until the update was done, and the error of the last run if it was not."""
    failure = _disturbed(lab, fault, victim, delay)
    attempts = 1
    while failure and attempts < ATTEMPTS:
        attempts += 1
        try:
            lab.up()
            failure = ""
        except StepError as error:
            failure = str(error)
    return attempts, failure


def _disturbed(lab: LocalStack, fault: faults.Fault, victim: str, delay: float) -> str:
    """The error of a run that a fault strikes; empty where the run succeeded."""
    lab.forget_dead_update()
    command = [sys.executable, "-m", "tests.chaos.update"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as update:

        def strike() -> None:
            time.sleep(delay)
            fault(CHAOS, victim, update)

        striker = threading.Thread(target=strike)
        striker.start()
        output = update.communicate()[0]
        striker.join()
        return "" if update.returncode == 0 else output or f"exit status {update.returncode}"


if __name__ == "__main__":
    sys.exit(main())
