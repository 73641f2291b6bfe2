"""Growth of Pulumi's own cost with the number of hosts: `make bench-scale`, or `python -m tests.bench.scale 300`.

The machines are stand-ins behind a real SSH server, whose steps do nothing, and the stack has no Kubernetes objects:
the engine, its providers, the Python program and SSH have the cost. An SSH agent has the key, as the README says.
Each `up` skips its preview, which has a column. Seconds are those of a clock: other programs of this host prolong them.
CPU seconds of Pulumi, without the machines, hardly depend on other programs.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from local.paths import REPOSITORY
from local.toolchain import environment as tool_environment
from tests.bench.stand_ins import StandIns, address, stand_ins
from tests.unit.support.stacks import CALICO_MANIFEST

HOSTS = (10, 30, 100)
STACK = "bench"
PROGRAM = Path(__file__).with_name("hosts_only.py")
SAMPLE_SECONDS = 0.2
OPERATIONS = {
    "empty preview": ["preview"],
    "first up": ["up", "--skip-preview", "--yes"],
    "no-op up": ["up", "--skip-preview", "--yes"],
    "preview": ["preview"],
    "one more": ["up", "--skip-preview", "--yes"],
}
"""Arguments of Pulumi by name of the operation, in order; a worker is added before the last operation."""


@dataclass
class Cost:
    """The cost of a run of Pulumi.

    Attributes:
        seconds: duration of the run.
        cpu_seconds: CPU time of engine, providers and program together.
        megabytes: peak memory of engine, providers and program together.
        logins: number of logins to machines.
    """

    seconds: float = 0
    cpu_seconds: float = 0
    megabytes: float = 0
    logins: int = 0


@dataclass
class Measured:
    """The costs of a stack of a size.

    Attributes:
        costs: cost by the names in OPERATIONS.
        state_kilobytes: size of the state after the first `up`.
    """

    costs: dict[str, Cost] = field(default_factory=dict)
    state_kilobytes: float = 0


def main() -> int:
    """Print a line for each size, then the exponent of growth of each column."""
    arguments = _arguments()
    columns = "".join(f"{name:>15}" for name in OPERATIONS)
    sizes = f"{'state':>10}{'a host':>9}{'memory':>9}"
    print(f"{'hosts':>5}{columns}{sizes}  logins of each; CPU seconds of each", flush=True)
    measured: dict[int, Measured] = {}
    with stand_ins(step_seconds=arguments.step_seconds) as machines:
        for hosts in arguments.hosts:
            with tempfile.TemporaryDirectory() as scratch:
                measured[hosts] = _measure(hosts, machines, Path(scratch), arguments.parallel)
            print(_line(hosts, measured[hosts]), flush=True)
    if len(measured) > 1:
        print(_growth(measured))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", type=int, nargs="*", default=HOSTS, help="numbers of hosts")
    parser.add_argument("--step-seconds", type=float, default=0, help="duration of a step on its machine")
    parser.add_argument("--parallel", type=int, help="Pulumi's --parallel; by default Pulumi and the program choose")
    return parser.parse_args()


def _measure(hosts: int, machines: StandIns, directory: Path, parallel: int | None) -> Measured:
    environment = _new_stack(directory) | {"SSH_AUTH_SOCK": str(machines.agent)}
    more = ["--parallel", str(parallel)] if parallel else []
    measured = Measured()
    for name, operation in OPERATIONS.items():
        _write_stack_file(directory, hosts + 1 if name == "one more" else hosts, machines)
        before = machines.logins()
        measured.costs[name] = cost = run([*machines.inside, "pulumi", *operation, *more], directory, environment)
        cost.logins = machines.logins() - before
        if name == "first up":
            (state,) = (directory / "state").glob(f".pulumi/stacks/*/{STACK}.json")
            measured.state_kilobytes = state.stat().st_size / 1000
    return measured


def _new_stack(directory: Path) -> dict[str, str]:
    """Create a project beside its state; return the environment of Pulumi for both."""
    (directory / "state").mkdir()
    shutil.copy(REPOSITORY / "Pulumi.yaml", directory)
    shutil.copy(PROGRAM, directory / "__main__.py")
    environment = {
        **tool_environment(),
        "PULUMI_BACKEND_URL": f"{(directory / 'state').as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PYTHONPATH": str(REPOSITORY),
    }
    del environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # so that the program is compiled once and not in each run
    run(["pulumi", "stack", "init", STACK], directory, environment)
    return environment


def _write_stack_file(directory: Path, hosts: int, machines: StandIns) -> None:
    """Write the stack file for a number of hosts; the salt of the passphrase stays."""
    file = directory / f"Pulumi.{STACK}.yaml"
    content = yaml.safe_load(file.read_text()) if file.exists() else {}
    manifest = directory / "manifest.yaml"
    manifest.write_text(CALICO_MANIFEST)
    named = {f"node{n}": {"address": address(n), "hostKey": machines.host_key} for n in range(1, hosts + 1)}
    content["config"] = {
        "kubeadm:cluster": {"name": STACK},
        "kubeadm:hosts": named | {"node1": {**named["node1"], "role": "control-plane"}},
        "kubeadm:calico": {
            "manifestUrl": manifest.as_uri(),
            "manifestSha256": hashlib.sha256(CALICO_MANIFEST.encode()).hexdigest(),
        },
    }
    file.write_text(yaml.safe_dump(content))


def run(command: list[str], directory: Path, environment: dict[str, str]) -> Cost:
    """Run a command to its end; a failure prints its output."""
    cost = Cost()
    program = shutil.which(command[0], path=environment["PATH"])
    assert program, "make tools installs it"
    with (directory / "output").open("w+") as output:
        began, used = time.monotonic(), _cpu_seconds_of_children()
        with subprocess.Popen(
            [program, *command[1:], "--non-interactive"],
            cwd=directory,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            watcher = threading.Thread(target=_watch_memory, args=(process, cost))
            watcher.start()
            status = process.wait()
            cost.seconds, cost.cpu_seconds = time.monotonic() - began, _cpu_seconds_of_children() - used
            watcher.join()
        if status != 0:
            output.seek(0)
            sys.exit(output.read()[-4000:])
    return cost


def _cpu_seconds_of_children() -> float:
    """CPU time of all processes below this one that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch_memory(process: subprocess.Popen[bytes], cost: Cost) -> None:
    while process.poll() is None:
        cost.megabytes = max(cost.megabytes, _megabytes_of_session(process.pid))
        time.sleep(SAMPLE_SECONDS)


def _megabytes_of_session(session: int) -> float:
    """Resident memory of all processes of a session."""
    pages = 0
    for each in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # the process ended meanwhile
            fields = each.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                pages += int(fields[21])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _line(hosts: int, measured: Measured) -> str:
    seconds = "".join(f"{cost.seconds:>13.1f} s" for cost in measured.costs.values())
    state, memory = measured.state_kilobytes, max(cost.megabytes for cost in measured.costs.values())
    logins = " ".join(str(cost.logins) for cost in measured.costs.values())
    cpu = " ".join(f"{cost.cpu_seconds:.1f}" for cost in measured.costs.values())
    return f"{hosts:>5}{seconds}{state:>7.0f} kB{state / hosts:>6.1f} kB{memory:>6.0f} MB  {logins}; {cpu}"


def _growth(measured: dict[int, Measured]) -> str:
    """Exponents from 10 to 100 hosts if both were measured, otherwise from the smallest to the largest size."""
    few, many = (10, 100) if {10, 100} <= measured.keys() else (min(measured), max(measured))

    def powers(of: Callable[[Cost], float]) -> str:
        ratios = {name: of(measured[many].costs[name]) / of(measured[few].costs[name]) for name in OPERATIONS}
        return ", ".join(f"{name} {math.log(ratio) / math.log(many / few):.2f}" for name, ratio in ratios.items())

    return (
        f"from {few} to {many} hosts seconds grow with the power of their number: {powers(lambda cost: cost.seconds)}\n"
        f"CPU seconds: {powers(lambda cost: cost.cpu_seconds)}"
    )


if __name__ == "__main__":
    sys.exit(main())
