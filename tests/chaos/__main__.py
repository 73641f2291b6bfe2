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
from collections import Counter

from local import cluster, mirror
from local.stack import LocalStack
from problem import StepError
from tests.chaos import checks, faults
from tests.chaos.edits import edit
from tests.chaos.model import NEW, OLD, Model
from tests.chaos.update import CHAOS, chaos_stack

LONGEST_DELAY_SECONDS = 25
"""Time after the start of an update in which its fault strikes; most updates take about as long."""
ATTEMPTS = 3
"""Runs of `pulumi up`: the disturbed one, and two that nothing disturbs."""


def main() -> int:
    """Print a line for each update; the last line counts them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=10, help="time after which no update begins")
    arguments = parser.parse_args()
    chance, lab = random.Random(arguments.seed), chaos_stack()  # noqa: S311 (nothing secret)
    print(f"seed {arguments.seed}", flush=True)
    cluster.take_down(lab)
    try:
        return _updates(lab, _brought_up(lab), chance, time.monotonic() + arguments.minutes * 60)
    finally:
        cluster.take_down(lab)


def _brought_up(lab: LocalStack) -> Model:
    """The model of a cluster that nothing has disturbed."""
    control_plane, *workers = CHAOS.machines
    model = Model(control_plane, set(workers))
    mirror.build(NEW)
    access = cluster.prepare_machines(CHAOS, OLD)
    lab.configure(access)
    model.write(lab)
    cluster.bring_up(lab, access)
    return model


def _updates(lab: LocalStack, model: Model, chance: random.Random, deadline: float) -> int:
    runs: Counter[int] = Counter()
    while time.monotonic() < deadline:
        present = model.machines
        edited, fault = edit(model, lab, chance), faults.choose(chance)
        victim = chance.choice([name for name in present if name not in model.gone])
        delay = chance.uniform(0, LONGEST_DELAY_SECONDS)
        print(f"{runs.total() + 1}. {edited}; {fault.__name__} of {victim} after {delay:.0f} s", end="", flush=True)
        began = time.monotonic()
        attempts, failure = _update(lab, fault, victim, delay)
        print(f": {attempts} run(s) in {time.monotonic() - began:.0f} s", flush=True)
        found = [failure] if failure else checks.differences(model, CHAOS)
        if found:
            print("\n".join(found), flush=True)
            return 1
        runs[attempts] += 1
    by_runs = ", ".join(f"{count} by {attempts} run(s)" for attempts, count in sorted(runs.items()))
    print(f"{runs.total()} updates converged: {by_runs}")
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
    """The error of a run that a fault strikes, at its end at the latest; empty where the run succeeded."""
    lab.forget_dead_update()
    command = [sys.executable, "-m", "tests.chaos.update"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as update:

        def strike() -> None:
            deadline = time.monotonic() + delay
            while update.poll() is None and time.monotonic() < deadline:
                time.sleep(0.2)  # a fault strikes by time, wherever the update is
            fault(CHAOS, victim, update)

        striker = threading.Thread(target=strike)
        striker.start()
        output = update.communicate()[0]
        striker.join()
        return "" if update.returncode == 0 else output or f"exit status {update.returncode}"


if __name__ == "__main__":
    sys.exit(main())
