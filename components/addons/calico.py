"""Calico as the pod network, over VXLAN."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pulumi

from components.addons.manifests import (
    Manifest,
    containers,
    fetched_objects,
    register,
    with_rewritten_images,
)
from components.cluster_access import ClusterAccess
from components.settings import Settings
from components.settings.manifest_sources import manifest_sources
from components.steps.last_update import LastUpdate

WORKLOADS = {"DaemonSet", "Deployment"}
CALICO_NODE = "DaemonSet:kube-system/calico-node"
CONFIGURATION = "pulumi-kubeadm/configuration"
"""Annotation of the pods of calico-node: what they read when they start. They are replaced when it changes."""


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
        if manifest["metadata"]["name"] == "calico-config":
            manifest["data"]["veth_mtu"] = str(settings.calico.mtu)
    for container in containers(_daemon_set(objects)):
        if container["name"] == "calico-node":
            _set_variables(container, settings)
    read = [each.get("data") or each["spec"] for each in objects if each["kind"] in {"ConfigMap", "DaemonSet"}]
    digest = hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()
    _annotations_of_pods(_daemon_set(objects))[CONFIGURATION] = digest
    return objects


def calico_node_restarts(settings: Settings, last: LastUpdate) -> bool:
    """Whether this update changes what calico-node of a running cluster is or reads."""
    before = last.daemon_sets.get(CALICO_NODE)
    now = _annotations_of_pods(_daemon_set(calico_objects(settings)))[CONFIGURATION]
    return (
        before is not None and before["spec"]["template"]["metadata"].get("annotations", {}).get(CONFIGURATION) != now
    )


def _daemon_set(objects: list[Manifest]) -> Manifest:
    return next(each for each in objects if each["kind"] == "DaemonSet")


def _annotations_of_pods(daemon_set: Manifest) -> dict[str, str]:
    annotations: dict[str, str] = (
        daemon_set["spec"]["template"].setdefault("metadata", {}).setdefault("annotations", {})
    )
    return annotations


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
