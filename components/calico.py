"""Calico as the pod network, over VXLAN."""

from __future__ import annotations

from typing import Any

import pulumi

from components._manifests import (
    Manifest,
    containers,
    fetched_objects,
    register,
    with_rewritten_images,
)
from components.cluster_access import ClusterAccess
from components.manifest_sources import manifest_sources
from components.settings import Settings

WORKLOADS = {"DaemonSet", "Deployment"}


class Calico(pulumi.ComponentResource):
    """The pod network: applied right after init; its pods run on each node as soon as it joins.

    Attributes:
        configuration: everything but the workloads; nodes may join when it is there.
    """

    configuration: list[pulumi.Resource]

    def __init__(self, cluster: ClusterAccess, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeadm:index:Calico", "calico", None, opts)
        objects = calico_objects(settings)
        first: list[pulumi.Resource] = [
            register(manifest, cluster, self) for manifest in objects if manifest["kind"] not in WORKLOADS
        ]
        for manifest in objects:
            if manifest["kind"] in WORKLOADS:
                register(manifest, cluster, self, after=first)
        self.configuration = first
        self.register_outputs({})


def calico_objects(settings: Settings) -> list[Manifest]:
    """Calico's objects as the stack wants them.

    Raises:
        pulumi.RunError: the manifest cannot be fetched or is another one.
    """
    url, sha256 = calico_source(settings)
    objects = [with_rewritten_images(manifest, settings) for manifest in fetched_objects(url, sha256)]
    for manifest in objects:
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"] == "calico-config":
            manifest["data"]["veth_mtu"] = str(settings.calico.mtu)
        if manifest["kind"] == "DaemonSet":
            for container in containers(manifest):
                if container["name"] == "calico-node":
                    _set_variables(container, settings)
    return objects


def calico_source(settings: Settings) -> tuple[str, str]:
    """URL and SHA-256 of Calico's manifest."""
    calico = settings.calico
    if calico.manifest_url and calico.manifest_sha256:
        return calico.manifest_url, calico.manifest_sha256
    return manifest_sources("calico")[calico.version]


def calico_images(settings: Settings) -> list[str]:
    """The images that every node pulls, under the names of their public registry."""
    url, sha256 = calico_source(settings)
    return sorted(
        {
            container["image"]
            for manifest in fetched_objects(url, sha256)
            if manifest["kind"] == "DaemonSet"
            for container in containers(manifest)
        }
    )


def _set_variables(container: dict[str, Any], settings: Settings) -> None:
    values = {
        # "Always": an unencapsulated pod packet is dropped by hypervisors that check the source address.
        "CALICO_IPV4POOL_VXLAN": settings.calico.vxlan_mode,
        "CALICO_IPV4POOL_CIDR": str(settings.cluster.networking.pod_subnet),
        # The node's address in the cluster, whatever the default route says.
        "IP_AUTODETECTION_METHOD": settings.calico.ip_autodetection_method,
    }
    kept = [variable for variable in container["env"] if variable["name"] not in values]
    container["env"] = kept + [{"name": name, "value": value} for name, value in values.items()]
