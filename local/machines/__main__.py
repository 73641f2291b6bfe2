"""`python3 -m local.machines reboot dev node2`: commands on a single machine."""

from __future__ import annotations

import sys

from local.environment import ENVIRONMENTS
from local.machines import cut_off, delete_machine, reboot, reconnect
from problem import StepError

COMMANDS = {"reboot": reboot, "cut-off": cut_off, "reconnect": reconnect, "delete": delete_machine}


def main(arguments: list[str]) -> int:
    """Run a command on a machine."""
    if len(arguments) != 3 or arguments[0] not in COMMANDS or arguments[1] not in ENVIRONMENTS:
        print(
            f"usage: python3 -m local.machines {'|'.join(COMMANDS)} {'|'.join(ENVIRONMENTS)} MACHINE", file=sys.stderr
        )
        return 2
    command, environment, machine = arguments
    if machine not in ENVIRONMENTS[environment].machines:
        print(f"{environment} has the machines {', '.join(ENVIRONMENTS[environment].machines)}", file=sys.stderr)
        return 2
    try:
        COMMANDS[command](ENVIRONMENTS[environment], machine)
    except StepError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
