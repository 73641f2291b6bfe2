"""Pods of add-ons that the Pod Security level of their namespace refuses: an update would wait for them in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.addons.manifests import Manifest, containers, object_name
from components.addons.of_stack import objects_of_addon
from components.objects.namespaces import ENFORCE, namespaces
from components.settings import Settings

OPEN = "privileged"
CAPABILITIES = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
"""Capabilities that a container may add at each level but `restricted`."""


def refused_pods(settings: Settings) -> Iterator[str]:
    """A line for each namespace of an add-on whose level takes none of the pods of a workload.

    Raises:
        pulumi.RunError: as `objects_of_addon`.
    """
    levels = {each.name: each.inputs["metadata"]["labels"][ENFORCE] for each in namespaces(settings)}
    for name in settings.addons:
        reported = set()
        for manifest in objects_of_addon(name, settings):
            namespace = manifest["metadata"].get("namespace") or ""
            level, needs = levels.get(namespace, OPEN), sorted(set(_needs(_pod_of(manifest))))
            if level != OPEN and needs and namespace not in reported:
                reported.add(namespace)
                yield (
                    f"addons.{name}: pods that the level {level} of their namespace takes; set"
                    f" access.podSecurity.{namespace} to {OPEN}, or change them, found {object_name(manifest)} with"
                    f" {', '.join(needs)}"
                )


def _pod_of(manifest: Manifest) -> dict[str, Any]:
    """The pod that a workload makes; empty for one that makes none, and for other objects."""
    if manifest["apiVersion"].partition("/")[0] not in {"v1", "apps", "batch"}:
        return {}
    spec = _mapping(manifest.get("spec"))
    if manifest["kind"] == "Pod":
        return spec
    if spec.get("replicas") == 0:
        return {}
    template = _mapping(_mapping(spec.get("jobTemplate")).get("spec")) or spec
    return _mapping(_mapping(template.get("template")).get("spec"))


def _needs(pod: dict[str, Any]) -> Iterator[str]:
    """Fields of a pod that the level `baseline` refuses."""
    yield from (each for each in ("hostNetwork", "hostPID", "hostIPC") if pod.get(each))
    if any("hostPath" in _mapping(each) for each in _items(pod.get("volumes"))):
        yield "hostPath"
    for each in (pod, *containers(pod)):
        context = _mapping(each.get("securityContext"))
        if context.get("privileged"):
            yield "privileged"
        if _mapping(context.get("seccompProfile")).get("type") == "Unconfined":
            yield "seccompProfile Unconfined"
        added = map(str, _items(_mapping(context.get("capabilities")).get("add")))
        yield from (f"capability {capability}" for capability in added if capability not in CAPABILITIES)
        if any(_mapping(port).get("hostPort") for port in _items(each.get("ports"))):
            yield "hostPort"


def _mapping(node: Any) -> dict[str, Any]:
    return node if isinstance(node, dict) else {}


def _items(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []
