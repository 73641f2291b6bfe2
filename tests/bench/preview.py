"""Duration of previews of growing stacks: `make bench`. Prints seconds, resources, and the exponent of growth.

The previews are of an empty state. They connect to no host, so the hosts need not exist.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from local.paths import REPOSITORY
from local.toolchain import environment as tool_environment

HOSTS = (3, 30, 100)
REPETITIONS = 3
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE/KEY/OF/nodes/0000000000000000000000"


def main() -> int:
    """Print a line for each size, with the shortest of three runs."""
    print(f"{'hosts':>6} {'resources':>10} {'seconds':>8} {'of the smallest':>16}")
    first = None
    seconds: dict[int, float] = {}
    for hosts in HOSTS:
        with _selection(hosts) as arguments:
            runs = [_timed(arguments) for _ in range(REPETITIONS)]
        seconds[hosts] = min(run[0] for run in runs)
        first = first or seconds[hosts]
        print(f"{hosts:>6} {runs[0][1]:>10} {seconds[hosts]:>8.1f} {seconds[hosts] / first:>15.1f}x")
    exponent = math.log(seconds[100] / seconds[30]) / math.log(100 / 30)
    print(f"from 30 to 100 hosts the time grows with the power {exponent:.2f} of their number")
    return 0


@contextmanager
def _selection(hosts: int) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Arguments and environment of a preview of a stack with a number of hosts."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        (directory / "state").mkdir()
        shutil.copy(REPOSITORY / "Pulumi.yaml", directory)
        file = directory / "Pulumi.bench.yaml"
        file.write_text(yaml.safe_dump({"config": _stack(hosts)}))
        environment = {
            **tool_environment(),
            "PULUMI_BACKEND_URL": (directory / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "",
        }
        del environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        _pulumi(["stack", "init", "bench", "--cwd", scratch], environment)
        yield ["preview", "--stack", "bench", "--config-file", str(file), "--suppress-progress"], environment


def _stack(hosts: int) -> dict[str, object]:
    machines: dict[str, dict[str, str]] = {
        f"node{number}": {"address": f"192.0.2.{number}", "hostKey": KEY} for number in range(1, hosts + 1)
    }
    machines["node1"]["role"] = "control-plane"
    return {"kubeadm:cluster": {"name": "bench"}, "kubeadm:hosts": machines}


def _timed(selection: tuple[list[str], dict[str, str]]) -> tuple[float, int]:
    """Seconds of a preview, and the number of its resources."""
    arguments, environment = selection
    began = time.monotonic()
    printed = _pulumi(arguments, environment)
    taken = time.monotonic() - began
    counted = next(line for line in printed.splitlines() if line.strip().endswith(" to create"))
    return taken, int(counted.split()[1])


def _pulumi(arguments: list[str], environment: dict[str, str]) -> str:
    program = shutil.which("pulumi", path=environment["PATH"])
    assert program, "make tools installs it"
    command = [program, *arguments, "--non-interactive"]
    finished = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        sys.exit(finished.stdout + finished.stderr)
    return finished.stdout


if __name__ == "__main__":
    sys.exit(main())
