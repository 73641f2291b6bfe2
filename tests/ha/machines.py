"""The stack of `make up` with several control planes, on machines of its own."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import yaml

from local import cluster, machines
from local.environment import Environment
from local.mirror import KUBERNETES, MirrorAccess
from local.paths import STATE
from local.stack import LocalStack
from tests.logins import logins

HA = Environment("ha", "192.168.61", {f"node{number}": 10 + number for number in range(1, 7)})
WORKER = "node4"


def stack(
    control_planes: list[str], workers: list[str], version: str = KUBERNETES, **cluster_settings: Any
) -> LocalStack:
    """The stack; its file is that of `make up` with these hosts."""
    content = yaml.safe_load(cluster.DEV_STACK.source.read_text())
    settings = content["config"]
    settings["kubeadm:cluster"] |= {"name": HA.name, "kubernetesVersion": version, **cluster_settings}
    settings["kubeadm:hosts"] = hosts(control_planes, workers)
    settings["kubeadm:ssh"] = {
        "user": "debian",
        "privateKeyFile": f".local/{HA.name}/id_ed25519",
        "knownHostsFile": f".local/{HA.name}/known_hosts",
    }
    source = STATE / f"{HA.name}-source.yaml"
    source.parent.mkdir(mode=0o700, exist_ok=True)
    source.write_text(yaml.safe_dump(content))
    return LocalStack(HA, source)


def hosts(control_planes: list[str], workers: list[str]) -> dict[str, dict[str, Any]]:
    """Lines of the stack file."""
    named = {name: {"address": HA.address(name), "role": "control-plane"} for name in control_planes}
    return named | {name: {"address": HA.address(name)} for name in workers}


class HaCluster:
    """What a test may do with the cluster and its machines."""

    def __init__(self, stack: LocalStack, access: MirrorAccess) -> None:
        self.stack, self.access = stack, access

    def edit(self, change: Mapping[str, Mapping[str, Any]], **cluster_settings: Any) -> None:
        """Write other hosts, and settings of the cluster, into the stack file."""
        content = yaml.safe_load(self.stack.file.read_text())
        content["config"]["kubeadm:hosts"] = dict(change)
        content["config"]["kubeadm:cluster"] |= cluster_settings
        self.stack.file.write_text(yaml.safe_dump(content))

    def make_key(self, name: str) -> None:
        """Give the stack a new key of Secrets, as a secret of this name."""
        command = ("config", "set", "--secret", name, "--stack", HA.name, "--config-file", str(self.stack.file))
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.stack.pulumi(*command, step="give Secrets a key", standard_input=key)

    def up(self, *arguments: str) -> str:
        """Run `pulumi up`; keep the kubeconfig."""
        printed = self.stack.up(None, *arguments)
        cluster.keep_kubeconfig(self.stack)
        return printed

    def kubectl(self, *arguments: str, standard_input: str | None = None) -> str:
        """Standard output of kubectl with the stack's kubeconfig."""
        command = [str(cluster.kubectl(HA)), "--kubeconfig", str(HA.directory / "kubeconfig"), *arguments]
        return subprocess.check_output(command, input=standard_input, text=True, timeout=120)

    def etcd_members(self, through: str) -> list[tuple[str, bool]]:
        """Name of each member, and whether it has a vote, as a control plane sees them."""
        members = etcdctl(through, "member list")["members"]
        return sorted((each.get("name", ""), not each.get("isLearner", False)) for each in members)

    def leader(self, through: str) -> str:
        """Name of the member of etcd that leads, as a control plane sees it."""
        (seen,) = etcdctl(through, "endpoint status")
        members = etcdctl(through, "member list")["members"]
        return next(str(each["name"]) for each in members if each["ID"] == seen["Status"]["leader"])

    def elections(self, through: str) -> int:
        """Number of elections of a leader so far, of those too that a leader asked for."""
        (seen,) = etcdctl(through, "endpoint status")
        return int(seen["Status"]["raftTerm"])

    def wait_for_api_servers(self, names: Iterable[str]) -> None:
        """Pods find the API on these machines, and on no other; one that left is there until its lease ends."""
        wanted = {HA.address(name) for name in names}
        listed = ("endpointslices", "--selector", "kubernetes.io/service-name=kubernetes")
        addresses = ("--output", "jsonpath={.items[*].endpoints[*].addresses[*]}")
        until(lambda: set(self.kubectl("get", *listed, *addresses).split()) == wanted, 60)

    def logins(self) -> dict[str, int]:
        """SSH logins that each machine has seen."""
        return {name: len(logins(partial(on_machine, name))) for name in HA.machines}

    def logins_since(self, before: Mapping[str, int]) -> dict[str, int]:
        """SSH logins that each machine has seen since an earlier count."""
        return {name: count - before[name] for name, count in self.logins().items()}

    def ready_since(self) -> dict[str, str]:
        """The time since which each Ready node has been Ready, by name."""
        nodes = json.loads(self.kubectl("get", "nodes", "--output", "json"))["items"]
        return {
            node["metadata"]["name"]: each["lastTransitionTime"]
            for node in nodes
            for each in node["status"]["conditions"]
            if (each["type"], each["status"]) == ("Ready", "True")
        }

    def ready_nodes(self) -> set[str]:
        """Names of the nodes that are Ready."""
        return set(self.ready_since())


def on_machine(machine: str, script: str, seconds: int = 120) -> str:
    """Standard output of a script that root runs on a machine, within a time."""
    command = ["podman", "exec", "--interactive", HA.container(machine), "bash", "-euo", "pipefail", "-s"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=seconds).stdout


def etcdctl(through: str, command: str) -> Any:
    """Output of etcdctl on a control plane about its own member."""
    return json.loads(on_machine(through, f"{etcdctl_script('127.0.0.1', command)} --write-out json"))


def etcdctl_script(address: str, command: str) -> str:
    """Words of bash that run etcdctl on any control plane, for the member at an address."""
    return (
        "crictl exec $(crictl ps --quiet --name '^etcd$') etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt"
        " --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
        f" --endpoints https://{address}:2379 {command}"
    )


def kubelet(machine: str) -> str:
    """Start time of the kubelet of a machine, in the form of systemd."""
    return on_machine(machine, "systemctl show kubelet --property ExecMainStartTimestampMonotonic")


def until(condition: Callable[[], bool], seconds: int) -> None:
    """Wait until a condition is met; an error of a program counts as not met."""
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
            seen = "not yet"
        except subprocess.CalledProcessError as error:
            seen = str(error.stderr)
        except subprocess.TimeoutExpired as error:
            seen = str(error)
        assert time.monotonic() < end, f"after {seconds} s: {seen}"
        time.sleep(1)  # the cluster gets there in its own time


def bring_up(
    control_planes: list[str],
    workers: list[str],
    version: str = KUBERNETES,
    before: Callable[[], None] = lambda: None,
    **cluster_settings: Any,
) -> HaCluster:
    """The cluster, on machines that are made for it; `before` is done to them before the first update."""
    made = stack(control_planes, workers, version, **cluster_settings)
    access = cluster.prepare_machines(HA, version)
    made.configure(access)
    before()
    made.up(None)
    machines.copy_from(HA, control_planes[0], "/usr/bin/kubectl", cluster.kubectl(HA))
    cluster.keep_kubeconfig(made)
    return HaCluster(made, access)
