"""`pulumi up` of the stack of the chaos run, in a process group of its own that a fault may kill."""

from __future__ import annotations

import sys

from problem import StepError
from tests.chaos.__main__ import CHAOS
from tests.faults.machines import stack

if __name__ == "__main__":
    try:
        stack(environment=CHAOS).up()
    except StepError as error:
        sys.exit(str(error))
