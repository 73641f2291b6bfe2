"""A cluster of a control plane and two workers, on machines of its own, whose add-ons come and go."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import yaml

from local import cluster, machines, mirror
from local.environment import Environment
from local.mirror import MirrorAccess, versions
from local.paths import REPOSITORY, STATE
from local.stack import LocalStack
from local.toolchain import environment as tool_environment
from operations.preview._preview import Selection, preview

ADD_ONS = Environment("add-ons", "192.168.62", {"node1": 11, "node2": 12, "node3": 13})
T = TypeVar("T")


def stack() -> LocalStack:
    """The stack; its file is that of `make up` with these machines, and Services are rules of nftables."""
    content = yaml.safe_load(cluster.DEV_STACK.source.read_text())
    settings = content["config"]
    settings["kubeadm:cluster"] |= {"name": ADD_ONS.name, "kubeProxyConfiguration": {"mode": "nftables"}}
    settings["kubeadm:hosts"] = {name: {"address": ADD_ONS.address(name)} for name in ADD_ONS.machines}
    settings["kubeadm:hosts"]["node1"]["role"] = "control-plane"
    files = {"privateKeyFile": "id_ed25519", "knownHostsFile": "known_hosts"}
    settings["kubeadm:ssh"] = {"user": "debian"} | {key: f".local/{ADD_ONS.name}/{name}" for key, name in files.items()}
    source = STATE / f"{ADD_ONS.name}-source.yaml"
    source.parent.mkdir(mode=0o700, exist_ok=True)
    source.write_text(yaml.safe_dump(content))
    return LocalStack(ADD_ONS, source)


class AddOnCluster:
    """What a test may do with the cluster."""

    def __init__(self, stack: LocalStack, access: MirrorAccess) -> None:
        self.stack, self.access = stack, access

    @property
    def image_of_probe(self) -> str:
        """The image that serves its host name on port 8080."""
        return self.access.probe_image

    @property
    def image_with_shell(self) -> str:
        """An image with a shell."""
        return f"{self.access.rewrite['docker.io']}/shell-stand-in:{versions.STAND_IN}"

    @property
    def image_of_headlamp(self) -> str:
        """The stand-in for Headlamp, by its name before rewriting."""
        return f"docker.io/headlamp-stand-in:{versions.STAND_IN}"

    def section(self, name: str) -> dict[str, Any]:
        """A section of the stack file."""
        found: dict[str, Any] = yaml.safe_load(self.stack.file.read_text())["config"][f"kubeadm:{name}"]
        return found

    def set(self, **sections: Mapping[str, Any] | None) -> None:
        """Write sections into the stack file; None takes one away."""
        content = yaml.safe_load(self.stack.file.read_text())
        for name, section in sections.items():
            content["config"].pop(f"kubeadm:{name}", None)
            if section is not None:
                content["config"][f"kubeadm:{name}"] = dict(section)
        self.stack.file.write_text(yaml.safe_dump(content))

    def plan(self) -> str:
        """The plan of an update."""
        return preview(Selection(REPOSITORY, ADD_ONS.name, self.stack.file, tool_environment())).plan

    def up(self, *arguments: str) -> str:
        """Run `pulumi up`."""
        return self.stack.up(None, *arguments)

    def kubectl(self, *arguments: str, objects: object = None) -> str:
        """Standard output of kubectl, which reads the objects from its standard input."""
        return _printed(_kubectl(*arguments), None if objects is None else json.dumps(objects))

    @contextmanager
    def forwarded(self, namespace: str, service: str) -> Iterator[str]:
        """The address on this host at which `kubectl port-forward` answers for a service."""
        command = _kubectl("--namespace", namespace, "port-forward", f"service/{service}", ":80")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                first = process.stdout.readline() if process.stdout else ""
                assert first.startswith("Forwarding from 127.0.0.1:"), first
                yield f"http://{first.split()[2]}"
            finally:
                process.terminate()

    def operation(self, *arguments: str) -> str:
        """Standard output of a command, as `make` runs it."""
        return _printed([sys.executable, "-m", "operations", *arguments])

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects that no stack has."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--filename", "-", objects=items)

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object, or a list of objects."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        return found


def _kubectl(*arguments: str) -> list[str]:
    return [str(cluster.kubectl(ADD_ONS)), "--kubeconfig", str(ADD_ONS.directory / "kubeconfig"), *arguments]


def _printed(command: list[str], given: str | None = None) -> str:
    return subprocess.run(
        command, cwd=REPOSITORY, input=given, capture_output=True, text=True, check=True, timeout=180
    ).stdout


def bring_up() -> AddOnCluster:
    """The cluster, on machines that are made for it, with the images of every add-on in the mirror."""
    mirror.build_add_ons()
    made = stack()
    access = cluster.prepare_machines(ADD_ONS, made.kubernetes)
    made.configure(access)
    made.up(None)
    machines.copy_from(ADD_ONS, "node1", "/usr/bin/kubectl", cluster.kubectl(ADD_ONS))
    cluster.keep_kubeconfig(made)
    return AddOnCluster(made, access)


def on_machine(machine: str, script: str) -> str:
    """Standard output of a script that root runs on a machine."""
    command = ["podman", "exec", "--interactive", ADD_ONS.container(machine), "bash", "-euo", "pipefail", "-s"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=120).stdout


def soon(look: Callable[[], T], seconds: int = 120) -> T:
    """The result of a look, once it finds something.

    Args:
        look: returns something false, or ends with an error of a program, until then.
        seconds: time in which it has to find something.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            found, seen = look(), "nothing"
        except subprocess.CalledProcessError as error:
            found, seen = None, f"{error.stdout}{error.stderr}"
        if found:
            return found
        assert time.monotonic() < end, f"after {seconds} s: {seen}"
        time.sleep(1)
