"""The Kubernetes provider of a cluster, made from the stack's kubeconfig."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from components.control_plane import ControlPlane
from components.steps.wanted import Wanted
from problem import Problem


class ClusterAccess(pulumi.ComponentResource):
    """The API access of every object that is applied to the cluster.

    Attributes:
        provider: provider of every Kubernetes object of the cluster.
        resource_name: joins parts to the name of a resource of the cluster.
    """

    provider: kubernetes.Provider
    resource_name: Callable[..., str]

    def __init__(self, control_plane: ControlPlane, wanted: Wanted, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeadm:index:ClusterAccess", wanted.resource_name("access"), None, opts)
        self.resource_name = wanted.resource_name
        self.provider = kubernetes.Provider(
            wanted.resource_name("provider"),
            kubeconfig=control_plane.kubeconfig.apply(checked_kubeconfig),
            # Else a renewed kubeconfig replaces the provider and every object: pulumi-kubernetes issue 4019.
            cluster_identifier=wanted.identity,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._hooks = explain_failures(wanted.resource_name("explain"))
        self.register_outputs({})

    def options(self, parent: pulumi.Resource, *, after: list[pulumi.Resource] | None = None) -> pulumi.ResourceOptions:
        """Resource options of an object in this cluster."""
        return pulumi.ResourceOptions(parent=parent, provider=self.provider, depends_on=after or [], hooks=self._hooks)


def explain_failures(name: str) -> pulumi.ResourceHookBinding:
    """A hook that reports the first object that the cluster does not take or run, and the next command."""
    reported: list[str] = []

    def explain(arguments: pulumi.ErrorHookArgs) -> bool:
        if not reported:
            reported.append(arguments.name)
            problem = Problem(
                arguments.name,
                expected="the cluster to take and run it",
                seen=arguments.errors[-1][:400],
                next_command=f"make status STACK={pulumi.get_stack()}, which names what is wrong and what to do",
            )
            pulumi.log.error(str(problem))
        return False

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(name, explain)])


def authority_of(kubeconfig: str) -> str:
    """The certificate of the cluster's authority, in PEM, as a kubeconfig has it."""
    cluster = yaml.safe_load(checked_kubeconfig(kubeconfig))["clusters"][0]["cluster"]
    return base64.b64decode(cluster["certificate-authority-data"]).decode()


def checked_kubeconfig(content: str) -> str:
    """The content of a kubeconfig, unchanged.

    Raises:
        pulumi.RunError: the kubeconfig names no cluster. The provider would silently use the operator's kubeconfig.
    """
    try:
        parsed = yaml.safe_load(content)
    except yaml.YAMLError:
        parsed = None  # the error would repeat lines of it, in which there is a key
    if not isinstance(parsed, dict) or not parsed.get("clusters"):
        problem = Problem(
            "kubeconfig",
            expected="the stack's kubeconfig, which the control plane made",
            seen="a text without clusters, or no YAML",
            next_command="pulumi up --replace '**/kubeconfig'",
        )
        raise pulumi.RunError(str(problem))
    return content
