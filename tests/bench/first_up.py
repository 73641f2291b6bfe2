"""The first `pulumi up` beside the same cluster made by hand: `make bench-up`. Prints seconds of both, and their ratio.

Both begin with new machines and install the same packages, images and configuration from the same mirror, in turns,
whose order changes from pair to pair. tests/bench/by_hand.sh is the script of a person who checks nothing; with three
control planes it does one thing after the other.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from components.addons.calico import CALICO, calico_images
from components.addons.dashboard import DASHBOARD, NAMESPACE
from components.addons.metrics_server import METRICS_SERVER
from components.host_files import containerd, kubeadm, load_balancer
from components.settings import Settings
from components.steps.control_planes import ControlPlanes
from components.steps.last_update import LastUpdate
from components.steps.of_every_host import images_step
from local import cluster, machines
from local.environment import Environment
from local.mirror import MirrorAccess
from local.stack import LocalStack
from operations.stack.stacks import selected_stack
from tests.faults.machines import stack
from tests.ha.machines import WORKER
from tests.ha.machines import stack as stack_of_several
from tests.unit.support.files import prepared_files

PAIRS = 3
BENCH = Environment("bench", "192.168.58", {"node1": 9, "node2": 5, "node3": 6})
BY_HAND = Path(__file__).with_name("by_hand.sh")


def main() -> int:
    """Print a line for each pair, and the median of their ratios."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.first_up")
    parser.add_argument("--control-planes", type=int, choices=(1, 3), default=1, help="and two workers, or one")
    bench = _bench(parser.parse_args().control_planes)
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        kubectl = Path(scratch) / "kubectl"
        for number in range(PAIRS):
            seconds: dict[str, float] = {}
            # The first run of Pulumi leaves the kubectl that the run by hand needs.
            for method in ("pulumi", "by hand") if number % 2 == 0 else ("by hand", "pulumi"):
                seconds[method] = (_pulumi_up if method == "pulumi" else _by_hand)(bench, kubectl)
            ratios.append(seconds["pulumi"] / seconds["by hand"])
            print(
                f"pair {number + 1}: pulumi up {seconds['pulumi']:.1f} s, by hand {seconds['by hand']:.1f} s,"
                f" ratio {ratios[-1]:.2f}",
                flush=True,
            )
    cluster.take_down(bench)
    print(f"median ratio {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")
    return 0


def _bench(control_planes: int) -> LocalStack:
    if control_planes == 1:
        return stack(environment=BENCH)
    return stack_of_several([f"node{number}" for number in range(1, control_planes + 1)], [WORKER])


def _new_machines(bench: LocalStack) -> MirrorAccess:
    """New machines without installed packages, and a stack that was never brought up."""
    cluster.take_down(bench)
    access = cluster.prepare_machines(bench.environment, bench.kubernetes)
    bench.configure(access)
    return access


def _pulumi_up(bench: LocalStack, kubectl: Path) -> float:
    _new_machines(bench)
    began = time.monotonic()
    bench.up()
    seconds = time.monotonic() - began
    machines.copy_from(bench.environment, next(iter(bench.environment.machines)), "/usr/bin/kubectl", kubectl)
    return seconds


def _by_hand(bench: LocalStack, kubectl: Path) -> float:
    access = _new_machines(bench)
    settings = selected_stack(bench.environment.name).settings()
    with tempfile.TemporaryDirectory() as scratch:
        _write_files(Path(scratch), settings, access)
        environment = {**os.environ, **_variables(settings, access), "FILES": scratch, "KUBECTL": str(kubectl)}
        began = time.monotonic()
        subprocess.run([BY_HAND], env=environment, check=True)
        return time.monotonic() - began


def _write_files(directory: Path, settings: Settings, access: MirrorAccess) -> None:
    """Write the files of the run by hand, with the content that the program renders."""
    of_hosts = {
        str(host.address): {file.path: file.content for file in prepared_files(host, settings)}
        for host in settings.hosts.values()
    }
    files = of_hosts[str(settings.control_planes[0].address)]
    of_worker = of_hosts[str(settings.workers[0].address)]
    (credentials,) = containerd.credential_files(settings, {access.registry: access.password})
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    for name, content in {
        "init.yaml": files[kubeadm.PATH],
        "config.toml": files[f"{containerd.CONFIG}.2"],
        "hosts.toml": credentials.content,
        **{f"hosts-{address}": each["/etc/hosts"] for address, each in of_hosts.items()},
        "calico.yaml": yaml.safe_dump_all(CALICO.objects(settings)),
        "add-ons.yaml": yaml.safe_dump_all(
            [namespace, *DASHBOARD.objects(settings), *METRICS_SERVER.objects(settings)]
        ),
        "haproxy.cfg": of_worker.get(load_balancer.CONFIGURATION),
        "haproxy.service": of_worker.get(load_balancer.UNIT),
    }.items():
        if content is not None:
            (directory / name).write_text(content)
    shutil.copy(access.ca_file, directory / "ca.crt")
    shutil.copy(access.keyring, directory / "mirror.asc")


def _variables(settings: Settings, access: MirrorAccess) -> dict[str, str]:
    version = settings.cluster.kubernetes_version
    control_planes = ControlPlanes(settings, LastUpdate())
    step = images_step(settings.control_planes[0], control_planes, calico_images(settings))
    known_hosts, key = settings.ssh.known_hosts_file, settings.ssh.private_key_file
    return {
        "CONTROL_PLANE": str(settings.control_planes[0].address),
        "FURTHER": " ".join(str(host.address) for host in settings.control_planes[1:]),
        "AT_ONCE": "true" if len(settings.control_planes) == 1 else "false",
        "API_HOST": settings.name_in_hosts_files,
        "WORKERS": " ".join(str(host.address) for host in settings.workers),
        "SSH_OPTIONS": f"-F none -i {key} -o UserKnownHostsFile={known_hosts} -o IdentitiesOnly=yes -o LogLevel=ERROR",
        "KUBERNETES": version,
        "IGNORED_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
        "REGISTRY": access.registry,
        "PACKAGES": access.package_repository_url.replace("{minor}", version.rpartition(".")[0]),
        "CONTAINERD_PACKAGES": str(access.containerd_repository_url),
        "IMAGES": step.variables["IMAGES"].replace("\n", " "),
    }


if __name__ == "__main__":
    sys.exit(main())
