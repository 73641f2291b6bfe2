"""The stack's kubeconfig, and the Kubernetes provider of a cluster that is made from it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from components.control_plane import ControlPlane
from components.host_files import kubeadm
from components.steps.of_control_plane import KUBECONFIG_OWNER
from components.steps.remote import StepCommands
from components.steps.step import StepName
from problem import Problem

TAKES_OVER: dict[str, Any] = (
    {"upsert_existing_objects": True} if hasattr(kubernetes.ProviderArgs, "upsert_existing_objects") else {}
)
"""Objects that exist already are taken over: namespaces that stayed, and objects of a restored snapshot, a lost state
or a killed update. SDKs before 4.29 do that without the argument: pulumi-kubernetes pull request 4278."""
CHANGES_IN_PLACE: dict[str, Any] = {"enable_config_map_mutable": True, "enable_secret_mutable": True}
"""Without these arguments the provider replaces a ConfigMap or a Secret whose content changes: a pod that starts
meanwhile fails, and a controller that watches the object finds it deleted."""


REMEDIES = {
    "Apply failed with": "leave the field to its owner: out of the manifest, or of the values of the chart; with the"
    ' annotation pulumi.com/patchForce: "true" the object takes it',
    r'namespaces "[^"]+" not found': "an object Namespace in a manifest of the stack, or its level in"
    " access.podSecurity; then pulumi up",
    "no matches for kind": "an add-on with the definition of this kind and version; then pulumi up",
    "failed calling webhook": "pulumi up, once the pod behind the webhook is Ready",
}
"""Next commands for an object that the API refuses, by words at the beginning of the API's error. The provider writes a
long text before them.
"""

ENTRIES_OF_KUBEADM = {"server", "certificate-authority-data", "client-certificate-data", "client-key-data", "token"}
"""Entries of cluster and user that kubeadm writes. Others, such as `exec` and `tokenFile`, are programs that run and
files that are read on the computer where the kubeconfig is used."""


class ClusterAccess(pulumi.ComponentResource):
    """The API access of every object that is applied to the cluster.

    The kubeconfig names the virtual address or the load balancer of the stack, or else the control plane that leads:
    another control plane takes over without a new user, and no object is replaced.

    Attributes:
        kubeconfig: content of the stack's kubeconfig, whose user a binding of its own makes cluster-admin; a secret.
        authority: certificate of the cluster's authority, in PEM.
        provider: provider of every Kubernetes object of the cluster.
        resource_name: joins parts to the name of a resource of the cluster.
    """

    kubeconfig: pulumi.Output[str]
    authority: pulumi.Output[str]
    provider: kubernetes.Provider
    resource_name: Callable[..., str]

    def __init__(self, control_plane: ControlPlane, commands: StepCommands, opts: pulumi.ResourceOptions) -> None:
        wanted = commands.wanted
        self._recorded = wanted.last.objects
        super().__init__("kubeadm:index:ClusterAccess", wanted.resource_name(KUBECONFIG_OWNER), None, opts)
        self.resource_name = wanted.resource_name
        changed = wanted.changed_variables(KUBECONFIG_OWNER, StepName.KUBECONFIG)
        step = wanted.step(KUBECONFIG_OWNER, StepName.KUBECONFIG)
        before = [control_plane.settled] if control_plane.settled else []
        fetched = commands.run(step, self, after=before, keeps_input=changed <= {"HOST_NAME"})
        host, settings = control_plane.host, wanted.settings
        # An update does not need the virtual address, which no machine may have yet.
        for_updates = kubeadm.api_server_from_outside(host, settings)
        for_people = kubeadm.api_server_for_people(host, settings)
        in_clear = fetched.stdout.apply(partial(wanted.secret_in, step))
        content: pulumi.Output[str] = pulumi.Output.secret(in_clear.apply(checked_kubeconfig))
        self.kubeconfig = content.apply(lambda known: with_server(known, for_people))
        self.authority = self.kubeconfig.apply(authority_of)
        self.provider = kubernetes.Provider(
            wanted.resource_name("provider"),
            kubeconfig=content.apply(lambda known: with_server(known, for_updates)),
            # Else a renewed kubeconfig replaces the provider and every object: pulumi-kubernetes issue 4019.
            cluster_identifier=wanted.identity,
            **TAKES_OVER,
            **CHANGES_IN_PLACE,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._hooks = explain_failures(wanted.resource_name("explain"))
        self.register_outputs({})

    def options(self, parent: pulumi.Resource, *, after: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        """Resource options of an object in this cluster."""
        return pulumi.ResourceOptions(parent=parent, provider=self.provider, depends_on=list(after), hooks=self._hooks)

    def recorded_api_version(self, group: str, kind: str, name: str) -> str | None:
        """The API version with which the last update recorded an object; None for an object without a record."""
        found = self._recorded.get((group, kind, name), {}).get("apiVersion")
        return str(found) if found else None


def resource_type(api_version: str, kind: str) -> str:
    """The type of the resource of an object, that of its class in the SDK."""
    group_version = api_version if "/" in api_version else f"core/{api_version}"
    return f"kubernetes:{group_version}:{kind}"


def explain_failures(name: str) -> pulumi.ResourceHookBinding:
    """A hook that reports the first object that the cluster does not take or run, and the next command."""
    reported: list[str] = []

    def explain(arguments: pulumi.ErrorHookArgs) -> bool:
        if not reported:
            reported.append(arguments.name)
            seen, next_command = _seen_and_next(arguments.errors[-1])
            expected = "the cluster to take and run it"
            problem = Problem(arguments.name, expected=expected, seen=seen[:400], next_command=next_command)
            pulumi.log.error(str(problem))
        return False

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(name, explain)])


def _seen_and_next(error: str) -> tuple[str, str]:
    """The error of the API in an error of the provider, and the next command."""
    for beginning, remedy in REMEDIES.items():
        found = re.search(beginning, error)
        if found:
            return error[found.start() :], remedy
    return error, f"make status STACK={pulumi.get_stack()}, which names what is wrong and what to do"


def with_server(kubeconfig: str, server: str) -> str:
    """A kubeconfig with another address of the API: kubeadm names the endpoint, which machines alone may resolve."""
    return re.sub(r"(?m)^( +server: ).*$", lambda found: found[1] + server, kubeconfig)


def authority_of(kubeconfig: str) -> str:
    """The certificate of the cluster's authority, in PEM, as a kubeconfig has it."""
    cluster = yaml.safe_load(checked_kubeconfig(kubeconfig))["clusters"][0]["cluster"]
    return base64.b64decode(cluster["certificate-authority-data"]).decode()


def checked_kubeconfig(content: str) -> str:
    """The content of a kubeconfig, unchanged.

    Raises:
        pulumi.RunError: the kubeconfig names no cluster, and the provider would silently use the operator's kubeconfig;
            or it names programs and files of the operator's computer, which the provider would run and send.
    """
    try:
        parsed = yaml.safe_load(content)
        entries = [each.get(kind) or {} for kind in ("cluster", "user") for each in parsed.get(f"{kind}s") or []]
        is_kubeconfig = bool(parsed.get("clusters"))
        foreign = sorted({str(name) for entry in entries for name in entry} - ENTRIES_OF_KUBEADM)
    except (yaml.YAMLError, AttributeError, TypeError):
        is_kubeconfig, foreign = False, []  # the error would repeat lines with a key
    if not is_kubeconfig or foreign:
        seen = f"entries of others: {', '.join(foreign)[:80]}" if foreign else "a text without clusters, or no YAML"
        problem = Problem(
            "kubeconfig",
            expected="the stack's kubeconfig, which the control plane made",
            seen=seen,
            next_command="pulumi up --replace '**/kubeconfig'",
        )
        raise pulumi.RunError(str(problem))
    return content
