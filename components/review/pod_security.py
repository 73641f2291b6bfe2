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
SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout"),
    *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time"),
    *("net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem"),
}
"""Sysctls that a pod may set at each level, with those that newer versions of Kubernetes added."""
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "name", "persistentVolumeClaim"),
    *("projected", "secret"),
}
"""Fields of a volume that the level `restricted` takes."""


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
            level, pod = levels.get(namespace, OPEN), pod_of(manifest)
            if level == OPEN or not pod or namespace in reported:
                continue
            needs = set(_needs(pod))
            reasons = sorted(needs.union(_lacks(pod) if level == "restricted" else ()))
            if reasons:
                reported.add(namespace)
                yield (
                    f"addons.{name}: pods that the level {level} of their namespace takes; set"
                    f" access.podSecurity.{namespace} to {OPEN if needs else 'baseline'}, or change them, found"
                    f" {object_name(manifest)} with {', '.join(reasons)}"
                )


def pod_of(manifest: Manifest) -> dict[str, Any]:
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
    """Fields of a pod that the level `baseline` refuses: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    yield from (each for each in ("hostNetwork", "hostPID", "hostIPC") if pod.get(each))
    if any("hostPath" in _mapping(each) for each in _items(pod.get("volumes"))):
        yield "hostPath"
    for each in (pod, *containers(pod)):
        context = _mapping(each.get("securityContext"))
        if context.get("privileged"):
            yield "privileged"
        for profile in ("seccompProfile", "appArmorProfile"):
            if _mapping(context.get(profile)).get("type") == "Unconfined":
                yield f"{profile} Unconfined"
        selinux = _mapping(context.get("seLinuxOptions"))
        if selinux.get("user") or selinux.get("role") or (selinux.get("type") or "") not in SELINUX_TYPES:
            yield "seLinuxOptions"
        if (context.get("procMount") or "Default") != "Default" and pod.get("hostUsers") is not False:
            yield "procMount"
        sysctls = (str(_mapping(sysctl).get("name")) for sysctl in _items(context.get("sysctls")))
        yield from (f"sysctl {sysctl}" for sysctl in sysctls if sysctl not in SYSCTLS)
        added = map(str, _items(_mapping(context.get("capabilities")).get("add")))
        yield from (f"capability {capability}" for capability in added if capability not in CAPABILITIES)
        if any(_mapping(port).get("hostPort") for port in _items(each.get("ports"))):
            yield "hostPort"


def _lacks(pod: dict[str, Any]) -> Iterator[str]:
    """Reasons for which the level `restricted` refuses a pod that `baseline` takes."""
    of_pod = _mapping(pod.get("securityContext"))
    for volume in map(_mapping, _items(pod.get("volumes"))):
        yield from (f"volume of {kind}" for kind in volume.keys() - VOLUMES - {"hostPath"})
    for each in containers(pod):
        own = {key: value for key, value in _mapping(each.get("securityContext")).items() if value is not None}
        context, capabilities = of_pod | own, _mapping(own.get("capabilities"))
        if own.get("allowPrivilegeEscalation") is not False:
            yield "allowPrivilegeEscalation that is not false"
        if "ALL" not in _items(capabilities.get("drop")):
            yield "capabilities that are not dropped"
        added = map(str, _items(capabilities.get("add")))
        yield from (f"capability {capability}" for capability in added if capability != "NET_BIND_SERVICE")
        if _mapping(context.get("seccompProfile")).get("type") not in {"RuntimeDefault", "Localhost"}:
            yield "no seccompProfile"
        if pod.get("hostUsers") is False:
            continue
        if context.get("runAsNonRoot") is not True:
            yield "runAsNonRoot that is not true"
        if 0 in (of_pod.get("runAsUser"), own.get("runAsUser")):
            yield "runAsUser 0"


def _mapping(node: Any) -> dict[str, Any]:
    return node if isinstance(node, dict) else {}


def _items(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []
