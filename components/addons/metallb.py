"""MetalLB: addresses for services of type LoadBalancer, each of which one node answers for by ARP."""

from __future__ import annotations

from typing import Any

import pulumi

from components.addons.addon import Addon
from components.addons.manifests import DEFINITION, Manifest, containers, fetched_objects, object_name
from components.settings import Settings
from components.settings.manifest_sources import manifest_sources
from problem import Problem

NAMESPACE = "metallb-system"
CONTROLLER, SPEAKER = f"Deployment:{NAMESPACE}/controller", f"DaemonSet:{NAMESPACE}/speaker"
POOL = "stack"
WITHOUT_WEBHOOK = {
    ("ValidatingWebhookConfiguration", "metallb-webhook-configuration"),
    ("Service", "metallb-webhook-service"),
    ("Secret", "metallb-webhook-cert"),
}
"""Objects of the webhook, which are left out. The webhook serves once the kubelet has brought its certificate, up to a
minute after its pod is ready. Until then an update could bring no addresses. The settings check the addresses.
"""


def metallb_manifests(settings: Settings) -> list[Manifest]:
    """MetalLB's objects, and the addresses of the stack.

    Raises:
        pulumi.RunError: the manifest cannot be fetched, has another checksum, or is not MetalLB's.
    """
    left_out = {*WITHOUT_WEBHOOK, ("Namespace", NAMESPACE)}
    fetched = fetched_objects(*metallb_source(settings), settings)
    objects = [each for each in fetched if (each["kind"], each["metadata"]["name"]) not in left_out]
    _refuse_other(objects)
    for manifest in objects:
        if manifest["kind"] == DEFINITION and "conversion" in manifest["spec"]:
            manifest["spec"]["conversion"] = {"strategy": "None"}
        if object_name(manifest) == CONTROLLER:
            _switch_webhook_off(manifest)
        if object_name(manifest) == SPEAKER and not settings.workers:
            # kubeadm labels a control plane as one that serves no LoadBalancer; here there is no other node.
            _add_argument(manifest, "speaker", "--ignore-exclude-lb")
    return [*objects, *_addresses(settings)]


def _refuse_other(objects: list[Manifest]) -> None:
    missing = {CONTROLLER, SPEAKER} - {object_name(each) for each in objects}
    if missing:
        problem = Problem(
            "metallb.manifestUrl",
            expected="MetalLB's manifest, such as config/manifests/metallb-native.yaml of a version",
            seen=f"a manifest without {' and '.join(sorted(missing))}",
            next_command="correct metallb.manifestUrl and metallb.manifestSha256, or remove both",
        )
        raise pulumi.RunError(str(problem))


def metallb_source(settings: Settings) -> tuple[str, str]:
    """URL and SHA-256 of MetalLB's manifest."""
    metallb = settings.metallb
    if metallb.manifest_url and metallb.manifest_sha256:
        return metallb.manifest_url, metallb.manifest_sha256
    return list(manifest_sources("metallb").values())[-1]


def _switch_webhook_off(controller: Manifest) -> None:
    pod = controller["spec"]["template"]["spec"]
    pod["volumes"] = [each for each in pod.get("volumes", []) if each["name"] != "cert"]
    _add_argument(controller, "controller", "--webhook-mode=disabled")
    for container in containers(controller):
        container["volumeMounts"] = [each for each in container.get("volumeMounts", []) if each["name"] != "cert"]


def _add_argument(workload: Manifest, name: str, argument: str) -> None:
    """Give an argument to the container with this name; pods with FRR have further containers."""
    for container in containers(workload):
        if container["name"] == name:
            container["args"] = [*container.get("args", []), argument]


def _addresses(settings: Settings) -> list[Manifest]:
    """The pool of addresses, and the object by which nodes answer for them by ARP."""
    spec: dict[str, dict[str, Any]] = {
        "IPAddressPool": {"addresses": list(settings.metallb.addresses)},
        "L2Advertisement": {"ipAddressPools": [POOL]},
    }
    metadata = {"name": POOL, "namespace": NAMESPACE}
    return [
        {"apiVersion": "metallb.io/v1beta1", "kind": kind, "metadata": dict(metadata), "spec": each}
        for kind, each in spec.items()
    ]


METALLB = Addon(
    "metallb",
    "Metallb",
    lambda settings: bool(settings.metallb.addresses),
    metallb_manifests,
    namespace=NAMESPACE,
    pod_security=lambda _: "privileged",
)
