"""The last update of a cluster, as the state records it: the program's only memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pulumi

from components.host_files import File
from components.host_files.kubeadm import api_server_at
from components.steps.result import is_cut_off, result_of
from components.steps.sealing import SealedForAnotherKeyError, SealingKey
from components.steps.stdin import Inputs, inputs_of
from components.steps.step import StepName
from problem import Problem

CLUSTER_TYPE = "kubeadm:index:Cluster"
PARENTS_OF_STEPS = {f"kubeadm:index:{name}" for name in ("PreparedHost", "ControlPlane", "Worker", "ClusterAccess")}
IDENTITY = "identity"
"""Name of the resource that keeps the identity of a cluster."""
SEALING_KEY = "sealing-key"
"""Name of the resource that keeps the key for which steps seal a secret that they return."""
SHARED_FILES = "host-files"
"""Name of the resource that keeps the content of the files that hosts share."""

State = Mapping[str, Mapping[str, Any]]
"""Type and outputs of each resource of a stack, by URN."""


@dataclass(frozen=True)
class RecordedStep:
    """The command of a step as the step last succeeded.

    Attributes:
        stdin: standard input; may hold secrets, so the plan shows `inputs` only, without secret files.
        connection: fields of the connection, as the provider names them; may hold a private key.
        stdout: standard output; a secret in it is sealed, unless an older version recorded it.
        is_whole: whether the end of the standard output arrived.
    """

    stdin: str = field(repr=False)
    connection: Mapping[str, Any] = field(repr=False)
    stdout: str = field(repr=False)
    is_whole: bool = True

    @cached_property
    def inputs(self) -> Inputs:
        """Variables and files of the step."""
        return inputs_of(self.stdin)


@dataclass(frozen=True)
class LastUpdate:
    """The records of a cluster in the state; empty before the first update.

    Attributes:
        identity: the identity of the cluster; None before it was minted.
        sealing_key: the key for which steps seal a secret that they return; None before it was minted.
        steps: recorded steps by host name and step name.
        objects: Kubernetes objects by API group, kind and resource name, as the cluster accepted them.
        components: type of the component of each of these objects, likewise.
        contents: content of the files that hosts share, by digest.
    """

    identity: str | None = None
    steps: Mapping[tuple[str, StepName], RecordedStep] = field(default_factory=dict)
    objects: Mapping[tuple[str, str, str], Mapping[str, Any]] = field(default_factory=dict, repr=False)
    components: Mapping[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    contents: Mapping[str, str] = field(default_factory=dict, repr=False)
    sealing_key: SealingKey | None = None

    def step(self, host: str, name: StepName) -> RecordedStep | None:
        """A step that succeeded; None for a step that never succeeded."""
        return self.steps.get((host, name))

    def secret_result(self, subject: str, name: StepName) -> str:
        """The secret that a step returned, in clear; empty where the step never succeeded, or the key does not open it.

        The command of the step then says what to do: an error here would come before the update that mends it.
        """
        try:
            return self._opened(subject, name)
        except SealedForAnotherKeyError:
            return ""

    def has_result(self, subject: str, name: StepName) -> bool:
        """True where a step returned a result, or nothing, as a whole and for the key of the state."""
        recorded = self.step(subject, name)
        try:
            self._opened(subject, name)
        except SealedForAnotherKeyError:
            return False
        return recorded is not None and recorded.is_whole

    def _opened(self, subject: str, name: StepName) -> str:
        recorded = self.step(subject, name)
        stdout = recorded.stdout if recorded else ""
        return self.sealing_key.opened(stdout) if self.sealing_key else stdout

    def hosts_with(self, name: StepName) -> list[str]:
        """Names of the hosts on which a step succeeded, sorted: the state has the order in which steps ended."""
        return sorted(host for host, each in self.steps if each is name)

    def value(self, host: str, name: StepName, variable: str) -> str | None:
        """The value of a variable of a recorded step; None without such a step or variable."""
        recorded = self.step(host, name)
        return recorded.inputs.values.get(variable) if recorded else None

    def api_server(self, host: str, name: StepName) -> str | None:
        """The URL at which a node finds the API; None without such a step. 0.2.0 recorded CLUSTER_IDENTITY only."""
        if recorded := self.value(host, name, "API_SERVER"):
            return recorded
        endpoint = re.search(r" endpoint ([^,]+),", self.value(host, name, "CLUSTER_IDENTITY") or "")
        return api_server_at(endpoint[1]) if endpoint else None

    def file(self, host: str, name: StepName, path: str) -> str | None:
        """The content of a file of a recorded step; None without a record of the step, the file or the content.

        Where an update ended before it reached a host, the state may have the new content of a shared file only.
        """
        recorded = self.step(host, name)
        if recorded is None:
            return None
        return recorded.inputs.files.get(path, self.contents.get(recorded.inputs.shared.get(path, "")))

    def is_member(self, host: str) -> bool:
        """True where an earlier update made the host a node, and no update took the node away since."""
        if self.has_departed(host):
            return False
        if self.step(host, StepName.INIT):
            return True
        return all(self.step(host, name) for name in (StepName.MEMBERSHIP, StepName.JOIN))

    def has_departed(self, host: str) -> bool:
        """True where an update took the node of a machine that is gone out of the cluster."""
        return self.value(host, StepName.MEMBERSHIP, "IS_GONE") == "true"

    def may_have_node(self, host: str) -> bool:
        """True where an update made the host a node, or began to.

        The first control plane has no membership before the others have joined; a join may have been cut short; a state
        may have forgotten a membership. 0.2.0, which recorded no role of a join, forgot it of a machine that was gone.
        """
        is_known = self.is_member(host) or self.step(host, StepName.MEMBERSHIP) is not None
        return is_known or self.value(host, StepName.JOIN, "ROLE") is not None

    def control_planes(self) -> list[str]:
        """Names of the hosts that earlier updates left as control planes, sorted."""
        prepared = self.hosts_with(StepName.PREPARE)
        return [
            name
            for name in prepared
            if self.value(name, StepName.PREPARE, "ROLE") == "control-plane" and self.is_member(name)
        ]


def load_last_update(cluster: str) -> LastUpdate:
    """The state of a cluster of the current stack, read before anything is registered.

    The engine serves `readStackResourceOutputs` since 2018 (pkg/resource/deploy/builtins.go); the Python SDK has
    no function for it. It returns each command as it last succeeded, also after an update that failed half-way.
    """
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    found = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": name}).value or {}
    if "outputs" not in found:  # an empty state has outputs, too; with no answer each cluster would be a new one
        problem = Problem(
            "read the last update",
            expected=f"the resources of stack {name}",
            seen="an answer of Pulumi without them",
            next_command=f"pulumi stack export --stack {pulumi.get_stack()}; then again",
        )
        raise pulumi.RunError(str(problem))
    return last_update_of(cluster, found["outputs"])


def last_update_of(cluster: str, state: State) -> LastUpdate:
    """The last update of one cluster in the state of a stack; other resources of the stack are ignored."""
    identity, sealing_key, steps, objects, components, contents = None, None, {}, {}, {}, {}
    for parent, name, resource in _below(cluster, state):
        outputs, kind = resource["outputs"], resource["type"]
        if kind == "command:remote:Command" and parent in PARENTS_OF_STEPS:
            host, _, step = name.rpartition("/")
            stdout = str(outputs.get("stdout") or "")
            is_whole = not is_cut_off(stdout)
            steps[host, StepName(step)] = RecordedStep(
                outputs["stdin"], outputs["connection"], result_of(stdout), is_whole
            )
        elif kind == "pulumi:index:Stash" and name == IDENTITY:
            identity = outputs["output"]
        elif kind == "pulumi:index:Stash" and name == SEALING_KEY:
            sealing_key = _sealing_key(outputs["input"])
        elif kind == "pulumi:index:Stash" and name == SHARED_FILES:
            # The output of a Stash keeps its first value; the input is the value of the last update.
            contents = {File(path, content).digest: content for path, content in outputs["input"].items()}
        elif kind.startswith("kubernetes:"):
            _, api_version, of_object = kind.split(":")
            group = api_version.rpartition("/")[0]
            key = "" if group == "core" else group, of_object, name
            objects[key], components[key] = outputs, parent
    return LastUpdate(identity, steps, objects, components, contents, sealing_key)


def _below(cluster: str, state: State) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Resources below the component of the cluster: type of the parent, name without the prefix of the cluster.

    Several resources may have one name: a host is a PreparedHost, a Worker, and perhaps a NodePatch.
    """
    for urn, each in state.items():
        _, _, types, name = urn.split("::", 3)
        parents = types.split("$")[:-1]
        if CLUSTER_TYPE in parents and name.startswith(f"{cluster}/"):
            yield parents[-1], name.removeprefix(f"{cluster}/"), each


def _sealing_key(stashed: Mapping[str, Any]) -> SealingKey | None:
    """The key in a state; None in a state that was read without its secrets, as operations read it."""
    return SealingKey(**stashed) if "private_key" in stashed else None
