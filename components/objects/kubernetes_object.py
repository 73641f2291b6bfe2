"""A Kubernetes object that follows from settings: the component registers it, and the plan compares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.addons.registered import with_field_manager
from components.cluster_access import ClusterAccess, resource_type


@dataclass(frozen=True)
class KubernetesObject:
    """An object that a cluster gets, or fields of an object that others own.

    Attributes:
        name: name of the resource below the cluster, such as `default/reader`.
        inputs: the whole manifest; values may be Outputs.
        is_patch: true where the object exists already, and the stack owns these fields of it only.
    """

    name: str
    inputs: Mapping[str, Any]
    is_patch: bool = False

    @property
    def kind(self) -> str:
        """Kind of the resource: the kind of the object, of a patch with the suffix `Patch`."""
        return f"{self.inputs['kind']}{'Patch' if self.is_patch else ''}"

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name of the resource, by which the last update records it."""
        return self.kind, self.name

    @property
    def sent(self) -> dict[str, Any]:
        """The inputs that the provider gets.

        The owner of the fields has one name, as for objects of add-ons. The provider's own name differs in each state:
        in a cluster that was restored, or whose state was lost, the API would refuse a changed field as a conflict.
        """
        return dict(self.inputs) if self.is_patch else with_field_manager(self.inputs)

    def register(self, cluster: ClusterAccess, options: pulumi.ResourceOptions) -> pulumi.Resource:
        """Register the object under the type of its class in the SDK."""
        inputs = self.sent
        if self.kind == "Secret":
            inputs |= {key: pulumi.Output.secret(value) for key, value in inputs.items() if key == "stringData"}
            secret = pulumi.ResourceOptions(additional_secret_outputs=["data", "stringData"])
            options = pulumi.ResourceOptions.merge(options, secret)
        of_sdk = resource_type(self.inputs["apiVersion"], self.kind)
        return pulumi.CustomResource(of_sdk, cluster.resource_name(self.name), inputs, options)
