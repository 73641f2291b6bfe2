"""The stack of `make up` on machines of its own, so that a cluster of `make up` is left alone.

`python -m tests.faults.machines [LINE OF ITS STACK FILE]...` brings it up as `make up` would.
"""

from __future__ import annotations

import re
import subprocess
import sys

from local import cluster
from local.environment import DEV, Environment
from local.paths import STATE
from local.stack import LocalStack
from problem import StepError

FAULTS = Environment("faults", "192.168.59", {"node1": 9, "node2": 5, "node3": 6})


def stack(*settings: str, environment: Environment = FAULTS) -> LocalStack:
    """The stack; its file is that of `make up` with these machines' addresses, and other or more lines."""
    text, name = cluster.DEV_STACK.source.read_text(), environment.name
    for machine in DEV.machines:
        text = text.replace(f"{DEV.address(machine)}", environment.address(machine))
    text = text.replace(f".local/{DEV.name}/", f".local/{name}/").replace(f"name: {DEV.name}", f"name: {name}")
    for line in settings:
        key = line.partition(":")[0]
        same = re.compile(rf"(?m)^( *){key}: .*$")
        text = same.sub(rf"\g<1>{line}", text) if same.search(text) else f"{text}  {line}\n"
    source = STATE / f"{name}-source.yaml"
    source.parent.mkdir(mode=0o700, exist_ok=True)
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    return LocalStack(environment, source)


def on_machine(machine: str, script: str) -> str:
    """Standard output of a script that root runs on a machine; empty when it failed."""
    command = ["podman", "exec", "--interactive", FAULTS.container(machine), "bash", "-euo", "pipefail", "-s"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=120).stdout


def main() -> int:
    """Bring the stack up, as `python3 -m local up` does."""
    try:
        cluster.up(stack(*sys.argv[1:]))
    except StepError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
