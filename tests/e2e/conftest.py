"""One cluster on local machines, brought up by a real `pulumi up`, for all end-to-end tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local import cluster, machines
from local.mirror import MirrorAccess
from local.paths import REPOSITORY
from local.stack import LocalStack
from problem import StepError
from tests.e2e.cell import CELL, Cell
from tests.logins import logins

E2E = CELL.environment
STACK = LocalStack(E2E, CELL.stack_file())
# What is changed there is written for the current version and one kind of machine: they run in the default cell.
collect_ignore = [] if Cell() == CELL else ["test_common_errors.py", "test_lifecycle", "test_upgrade.py"]
if CELL.newer_patch is None:
    collect_ignore.append("test_patch_upgrade.py")
CREDENTIALS = "/etc/containerd/certs.d/hub.example.test/hosts.toml"
"""How a machine logs in to the mirror's registry."""
EVIDENCE = REPOSITORY / ".local" / "evidence"


class Cluster:
    """What a test may do with the cluster and its machines."""

    def __init__(self, access: MirrorAccess) -> None:
        self.access = access
        self.stack = STACK
        self.kubeconfig = E2E.directory / "kubeconfig"

    def kubectl(self, *arguments: str, standard_input: str | None = None, check: bool = True) -> str:
        """Standard output of kubectl with the stack's kubeconfig."""
        command = [str(cluster.kubectl(E2E)), "--kubeconfig", str(self.kubeconfig), "--request-timeout=60s", *arguments]
        finished = subprocess.run(
            command, input=standard_input, capture_output=True, text=True, check=False, timeout=300
        )
        assert not check or finished.returncode == 0, f"{' '.join(command)}: {finished.stderr}"
        return finished.stdout if check else finished.stdout + finished.stderr

    def get(self, *arguments: str) -> Any:
        """Parsed JSON of `kubectl get`."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def on(self, machine: str, script: str) -> str:
        """Standard output of a script that root runs on a machine, past SSH, which counts the stack's logins."""
        return on_machine(machine, script)

    def logins(self, machine: str) -> int:
        """SSH logins that a machine has seen."""
        return len(logins(partial(on_machine, machine)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what explains a failure, while the machines are still there."""
    report = yield
    if report.failed:
        item.add_report_section(report.when, "evidence", str(collect_evidence()))
    return report


def operation(*arguments: str) -> tuple[int, str]:
    """Exit status and output of a command, as `make` runs it."""
    command = [sys.executable, "-m", "operations", *arguments]
    finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300)
    return finished.returncode, finished.stdout + finished.stderr


def on_machine(machine: str, script: str) -> str:
    """Standard output of a script that root runs on a machine."""
    command = ["podman", "exec", "--interactive", E2E.container(machine), "bash", "-euo", "pipefail", "-s"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=120).stdout


def collect_evidence() -> Path:
    """Journals, kubelet and containerd logs, and pod states, in one folder."""
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    if not shutil.which("podman"):
        return EVIDENCE  # what failed is that it could not be installed
    for machine in E2E.machines:
        for name, command in {
            "journal": "journalctl --no-pager",
            "steps": "tail -n +1 /var/log/pulumi-kubeadm/*",
            "containers": "crictl ps --all; crictl images; df -h",
        }.items():
            with (EVIDENCE / f"{machine}.{name}.log").open("w") as file:
                exec_ = ["podman", "exec", E2E.container(machine), "bash", "-c", command]
                subprocess.run(exec_, stdout=file, stderr=subprocess.STDOUT, check=False)
    kubeconfig = E2E.directory / "kubeconfig"
    if kubeconfig.exists():
        with (EVIDENCE / "pods.log").open("w") as file:
            kubectl = [str(cluster.kubectl(E2E)), "--kubeconfig", str(kubeconfig), "--request-timeout=10s"]
            for what in (
                ["get", "nodes,pods,events", "--all-namespaces", "--output=wide"],
                ["describe", "nodes,pods", "-A"],
            ):
                subprocess.run([*kubectl, *what], stdout=file, stderr=subprocess.STDOUT, check=False)
    return EVIDENCE


def configure(*arguments: str, standard_input: str | None = None) -> None:
    """Change the stack file in use, as `pulumi config` does."""
    command = ("config", *arguments, "--stack", E2E.name, "--config-file", str(STACK.file))
    STACK.pulumi(*command, step="change a setting", standard_input=standard_input)


@contextmanager
def setting(path: str, value: str, *, kind: str = "--plaintext") -> Iterator[None]:
    """The stack file with another value, for a while."""
    kept = STACK.file.read_text()
    configure("set", "--path", kind, path, standard_input=value)
    try:
        yield
    finally:
        STACK.file.write_text(kept)


@contextmanager
def through_bastion(machine: str) -> Iterator[None]:
    """The stack goes through one of its machines to all of them, for a while."""
    known = (line.split(" ", 1) for line in (E2E.directory / "known_hosts").read_text().splitlines())
    key = next(key for address, key in known if address == E2E.address(machine))
    with setting("ssh.bastion.address", E2E.address(machine)):
        configure("set", "--path", "ssh.bastion.hostKey", key)
        configure("set", "--path", "ssh.bastion.user", "debian")
        yield


def last_login_is_from(machine: str) -> str:
    """Address that the last SSH login of a machine came from."""
    return logins(partial(on_machine, machine))[-1].partition(" from ")[2].split()[0]


def failure() -> str:
    """What a person sees when `pulumi up` fails."""
    with pytest.raises(StepError) as error:
        STACK.up()
    return str(error.value)


@contextmanager
def new_machines() -> Iterator[MirrorAccess]:
    """Machines, their mirror and the stack file; deleted afterwards, unless KEEP_MACHINES is set."""
    cluster.take_down(STACK)
    access = CELL.access(cluster.prepare_machines(E2E, CELL.kubernetes))
    STACK.configure(access)
    try:
        yield access
    finally:
        if not os.environ.get("KEEP_MACHINES"):
            cluster.take_down(STACK)


@pytest.fixture(scope="session")
def machines_ready() -> Iterator[MirrorAccess]:
    """The machines that the files of a run share, without a cluster at first."""
    with new_machines() as access:
        yield access


@pytest.fixture(scope="session")
def live(machines_ready: MirrorAccess) -> Cluster:
    """The cluster that the files of a run share; each file leaves it as it found it."""
    cluster.bring_up(STACK, machines_ready)
    return Cluster(machines_ready)


@pytest.fixture(scope="module")
def pods(live: Cluster) -> Iterator[dict[str, str]]:
    """A probe pod on each node, for the tests of a file; node name to pod address."""
    yield probe_pods(live)
    live.kubectl("--namespace=shop", "delete", "daemonset/probe", "service/probe")


def probe_pods(live: Cluster) -> dict[str, str]:
    """Start a probe pod on each node, in a namespace with a pull secret; node name to pod address."""
    live.kubectl("apply", "--filename=-", standard_input=json.dumps(probe_objects(live.access.probe_image)))
    live.kubectl("--namespace=shop", "rollout", "status", "daemonset/probe", "--timeout=120s")
    found = live.get("--namespace=shop", "pods", "--selector=app=probe")["items"]
    return {pod["spec"]["nodeName"]: pod["status"]["podIP"] for pod in found}


def probe_objects(image: str) -> dict[str, Any]:
    """A DaemonSet that answers HTTP on every node, and a service in front of it."""
    labels = {"app": "probe"}
    container = {"name": "probe", "image": image, "ports": [{"containerPort": 8080}]}
    daemon_set = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "probe", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "tolerations": [{"operator": "Exists"}]},
            },
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "probe", "namespace": "shop"},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return {"apiVersion": "v1", "kind": "List", "items": [daemon_set, service]}


def machine_names() -> list[str]:
    """Every machine of the test."""
    return list(E2E.machines)


def worker_names() -> list[str]:
    """Every machine but the control plane."""
    return machine_names()[1:]


def reboot(machine: str) -> None:
    """Reboot a machine and return when SSH answers again."""
    machines.reboot(E2E, machine)
