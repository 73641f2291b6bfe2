"""Calico as the pod network, over VXLAN."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pulumi

from components.addons.addon import Addon
from components.addons.manifests import Manifest, containers, fetched_objects, object_name, with_rewritten_images
from components.settings import Settings
from components.settings.manifest_sources import manifest_sources
from problem import Problem

NODE = "DaemonSet:kube-system/calico-node"
IPIP = "CALICO_IPV4POOL_IPIP"
"""Variable of calico-node with the mode of IP in IP, which a pool has beside VXLAN only as `Never`."""
CONFIGURATION = "pulumi-kubeadm/configuration"
"""Annotation of the pods of calico-node: a digest of their configuration. A change of the digest replaces the pods."""


def calico_manifests(settings: Settings) -> list[Manifest]:
    """Calico's objects with the settings of the stack.

    Raises:
        pulumi.RunError: the manifest cannot be fetched, has another checksum, or is not Calico's for VXLAN.
    """
    objects = _fetched(settings)
    for manifest in objects:
        if manifest["metadata"]["name"] == "calico-config":
            manifest["data"]["veth_mtu"] = str(settings.calico.mtu)
    for container in containers(_daemon_set(objects)):
        if container["name"] == "calico-node":
            _set_variables(container, settings)
    _pod_annotations(_daemon_set(objects))[CONFIGURATION] = _configuration_digest(objects, settings)
    return objects


CALICO = Addon("calico", "Calico", lambda _: True, calico_manifests, is_network=True)


def calico_source(settings: Settings) -> tuple[str, str]:
    """URL and SHA-256 of Calico's manifest."""
    calico = settings.calico
    if calico.manifest_url and calico.manifest_sha256:
        return calico.manifest_url, calico.manifest_sha256
    return manifest_sources("calico")[settings.listed_calico]


def calico_images(settings: Settings) -> list[str]:
    """The images that every node pulls, under the names of their public registry."""
    objects = _fetched(settings)
    return sorted({container["image"] for container in containers(_daemon_set(objects))})


def calico_version(settings: Settings) -> str | None:
    """Version of Calico in the manifest of a stack; None where the manifest names none."""
    return version_of(_daemon_set(_fetched(settings)))


def version_of(daemon_set: Manifest) -> str | None:
    """Version of Calico by the tag of the image of calico-node, such as 3.28.5; None for a tag of another form."""
    images = (each["image"] for each in containers(daemon_set) if each.get("name") == "calico-node")
    found = re.search(r":v(\d+\.\d+\.\d+)(@.*)?$", next(images, ""))
    return found[1] if found else None


def configuration_of(daemon_set: Manifest) -> str | None:
    """Digest of the configuration of calico-node; None where an older version of this project set no digest."""
    return _pod_annotations(daemon_set).get(CONFIGURATION)


def _configuration_digest(objects: list[Manifest], settings: Settings) -> str:
    read = [
        each.get("data") or each["spec"]
        for each in (with_rewritten_images(each, settings) for each in objects)
        if each["kind"] in {"ConfigMap", "DaemonSet"}
    ]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


def _fetched(settings: Settings) -> list[Manifest]:
    """The objects of Calico's manifest for VXLAN; a manifest of the operator, or of another pod network, is refused."""
    objects = fetched_objects(*calico_source(settings), settings)
    nodes = [each for each in objects if object_name(each) == NODE]
    variables = [each for node in nodes for each in containers(node) if each.get("name") == "calico-node"]
    modes = [each.get("value") for found in variables for each in found.get("env") or () if each["name"] == IPIP]
    if variables and not set(modes) - {"Never"}:
        return objects
    seen = f"{IPIP} {modes[0]}" if modes else f"no {NODE} with a container calico-node"
    problem = Problem(
        "calico.manifestUrl",
        expected="Calico's manifest for VXLAN",
        seen=seen,
        next_command="set it to calico-vxlan.yaml of the version, and calico.manifestSha256 to its checksum; neither"
        " calico.yaml nor tigera-operator.yaml is that manifest",
    )
    raise pulumi.RunError(str(problem))


def _daemon_set(objects: list[Manifest]) -> Manifest:
    return next(each for each in objects if object_name(each) == NODE)


def _pod_annotations(daemon_set: Manifest) -> dict[str, str]:
    annotations: dict[str, str] = (
        daemon_set["spec"]["template"].setdefault("metadata", {}).setdefault("annotations", {})
    )
    return annotations


def _set_variables(container: dict[str, Any], settings: Settings) -> None:
    values = {
        # "Always": an unencapsulated pod packet is dropped by hypervisors that check the source address.
        "CALICO_IPV4POOL_VXLAN": settings.calico.vxlan_mode,
        "CALICO_IPV4POOL_CIDR": str(settings.cluster.networking.pod_subnet),
        # The node's address in the cluster may differ from the address of its default route.
        "IP_AUTODETECTION_METHOD": settings.calico.ip_autodetection_method,
    }
    if settings.cluster.kube_proxy_configuration.get("mode") == "nftables":
        values["FELIX_NFTABLESMODE"] = "Enabled"  # kube-proxy and Calico both use nftables, or neither does
    kept = [variable for variable in container.get("env") or () if variable["name"] not in values]
    container["env"] = kept + [{"name": name, "value": value} for name, value in values.items()]
