"""The stack of a chaos run; `python -m tests.chaos.update` is one `pulumi up` of it, which a fault may kill."""

from __future__ import annotations

import sys

from local.environment import Environment
from local.stack import LocalStack
from problem import StepError
from tests.faults.machines import stack

CHAOS = Environment("chaos", "192.168.60", {"node1": 9, "node2": 5, "node3": 6})


def chaos_stack() -> LocalStack:
    """The stack; edits are made in its generated file, and stay there."""
    return stack(environment=CHAOS)


if __name__ == "__main__":
    try:
        chaos_stack().up()
    except StepError as error:
        sys.exit(str(error))
