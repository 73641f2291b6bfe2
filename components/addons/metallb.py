"""MetalLB: addresses for services of type LoadBalancer, each of which one node answers for by ARP."""

from __future__ import annotations

from typing import Any

from components.addons.addon import Addon
from components.addons.manifests import DEFINITION, Manifest, containers, fetched_objects
from components.settings import Settings
from components.settings.manifest_sources import manifest_sources

NAMESPACE = "metallb-system"
POOL = "stack"
WITHOUT_WEBHOOK = {
    ("ValidatingWebhookConfiguration", "metallb-webhook-configuration"),
    ("Service", "metallb-webhook-service"),
    ("Secret", "metallb-webhook-cert"),
}
"""Objects of the webhook. It serves when the kubelet brings its certificate, up to a minute after its pod is ready, and
until then an update could bring no addresses. The settings check these."""


def metallb_manifests(settings: Settings) -> list[Manifest]:
    """MetalLB's objects, and the addresses of the stack.

    Raises:
        pulumi.RunError: the manifest cannot be fetched or has another checksum.
    """
    left_out = {*WITHOUT_WEBHOOK, ("Namespace", NAMESPACE)}
    fetched = fetched_objects(*metallb_source(settings))
    objects = [each for each in fetched if (each["kind"], each["metadata"]["name"]) not in left_out]
    for manifest in objects:
        if manifest["kind"] == DEFINITION and "conversion" in manifest["spec"]:
            manifest["spec"]["conversion"] = {"strategy": "None"}
        if (manifest["kind"], manifest["metadata"]["name"]) == ("Deployment", "controller"):
            _switch_webhook_off(manifest)
        if manifest["kind"] == "DaemonSet" and not settings.workers:
            # kubeadm labels a control plane as one that serves no LoadBalancer; here there is no other node.
            for container in containers(manifest):
                container["args"] = [*container["args"], "--ignore-exclude-lb"]
    return [*objects, *_addresses(settings)]


def metallb_source(settings: Settings) -> tuple[str, str]:
    """URL and SHA-256 of MetalLB's manifest."""
    metallb = settings.metallb
    if metallb.manifest_url and metallb.manifest_sha256:
        return metallb.manifest_url, metallb.manifest_sha256
    return list(manifest_sources("metallb").values())[-1]


def _switch_webhook_off(controller: Manifest) -> None:
    pod = controller["spec"]["template"]["spec"]
    pod["volumes"] = [each for each in pod.get("volumes", []) if each["name"] != "cert"]
    for container in containers(controller):
        container["args"] = [*container["args"], "--webhook-mode=disabled"]
        container["volumeMounts"] = [each for each in container.get("volumeMounts", []) if each["name"] != "cert"]


def _addresses(settings: Settings) -> list[Manifest]:
    """The pool of addresses, and that nodes answer for them by ARP."""
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
