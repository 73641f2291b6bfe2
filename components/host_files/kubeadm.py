"""kubeadm's configuration, in the API version that fits the cluster's Kubernetes version."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from components.host_files import api_server as files_of_api_server
from components.host_files.containerd import SOCKET
from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Host, Settings, Taint
from components.settings.kubeadm_documents import flags_of
from components.settings.kubeadm_images import REGISTRY, image_repository
from components.settings.stack import API_PORT, is_address
from components.settings.versions import has_seccomp_default, knows_public_registry, kubeadm_api_version
from components.yaml_text import yaml_text

PATH = "/etc/kubernetes/kubeadm/config.yaml"
EFFECTS = (Effect(PATH, "kubeadm reads it; what restarts for it is in a line of its own"),)
DISCOVERY_PATH = "/etc/kubernetes/kubeadm/discovery.conf"
INVITATION_PATH = "/etc/kubernetes/kubeadm/invitation"
JOIN_AUTHORITY_PATH = "/etc/kubernetes/kubeadm/ca.crt"
SHUTDOWN_DELAYS = {"local": "5s", "external": "10s"}
"""Time in which a load balancer notices that an API server shuts down: haproxy within 2 s, others look every 5 s."""
OF_THE_VERSION = {"apiVersion", "kubernetesVersion"}
"""Keys of the ClusterConfiguration that an upgrade changes."""


def configuration(host: Host, settings: Settings) -> File:
    """The configuration of kubeadm on a host. A control plane has all documents, whether it initialises or joins."""
    documents = [_join_configuration(host, settings)]
    if host.role == "control-plane":
        documents = [
            _init_configuration(host, settings),
            *(documents if len(settings.control_planes) > 1 else []),
            _cluster_configuration(settings),
            _kubelet_configuration(settings),
            _kube_proxy_configuration(settings),
        ]
    return File(PATH, yaml_text(*documents), mode="0600")


def _init_configuration(host: Host, settings: Settings) -> dict[str, Any]:
    return {
        "apiVersion": kubeadm_api_version(settings.cluster.kubernetes_version),
        "kind": "InitConfiguration",
        # kubeadm always makes a token; each join uses a token of its own.
        "bootstrapTokens": [{"ttl": "1m0s", "description": "made by kubeadm init, of no use"}],
        "localAPIEndpoint": _local_endpoint(host),
        "nodeRegistration": _node_registration(host, settings, settings.cluster.control_plane_taints),
    }


def join_files(invitation: str, authority: str) -> list[File]:
    """The secret files of `kubeadm join`, of which scripts/steps/join.sh makes the discovery file.

    The state keeps each byte of them four times, sealed, so they are the least that a join needs.

    Args:
        invitation: output of the step `membership`: a bootstrap token, and for a control plane the key of the
            certificates and the address of its sponsor, one a line; empty for a Ready node.
        authority: certificate of the cluster's authority, in PEM.
    """
    return [File(INVITATION_PATH, invitation, "0600"), File(JOIN_AUTHORITY_PATH, authority)]


def digests(settings: Settings) -> dict[str, str]:
    """Digests of the documents that a running cluster can be reconfigured with, without the version."""
    cluster = {key: value for key, value in _cluster_configuration(settings).items() if key not in OF_THE_VERSION}
    return {
        "CLUSTER_CONFIGURATION_SHA256": _sha256(cluster),
        **kubelet_digest(settings),
        "KUBE_PROXY_CONFIGURATION_SHA256": _sha256(_kube_proxy_configuration(settings)),
    }


def identity(settings: Settings) -> str:
    """The settings that kubeadm writes once, and never again, as one line."""
    networking = settings.cluster.networking
    return (
        f"name {settings.cluster.name}, endpoint {settings.endpoint},"
        f" pods {networking.pod_subnet}, services {networking.service_subnet}, domain {networking.dns_domain}"
    )


def kubelet_digest(settings: Settings) -> dict[str, str]:
    """Digest of the KubeletConfiguration, as in `digests`."""
    return {"KUBELET_CONFIGURATION_SHA256": _sha256(_kubelet_configuration(settings))}


def _cluster_configuration(settings: Settings) -> dict[str, Any]:
    cluster = settings.cluster
    repository = image_repository(settings)
    names_coredns = repository == REGISTRY and not knows_public_registry(cluster.kubernetes_version)
    document = {
        "apiVersion": kubeadm_api_version(cluster.kubernetes_version),
        "kind": "ClusterConfiguration",
        "clusterName": cluster.name,
        "kubernetesVersion": f"v{cluster.kubernetes_version}",
        "controlPlaneEndpoint": settings.endpoint,
        "imageRepository": repository,
        **({"dns": {"imageRepository": f"{REGISTRY}/coredns"}} if names_coredns else {}),
        "networking": {
            "podSubnet": str(cluster.networking.pod_subnet),
            "serviceSubnet": str(cluster.networking.service_subnet),
            "dnsDomain": cluster.networking.dns_domain,
        },
    }
    own = _with_vip(cluster.cluster_configuration, settings)
    return merged(document, _with_security(_with_shutdown_delay(own, settings), settings))


def _with_vip(own: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A ClusterConfiguration in which the certificate of the API server has the virtual address of the stack, too."""
    vip, server = settings.cluster.vip, own.get("apiServer") or {}
    names = server.get("certSANs") or []
    if vip is None or str(vip.address) in names:
        return own
    return {**own, "apiServer": {**server, "certSANs": [*names, str(vip.address)]}}


def _with_shutdown_delay(own: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A ClusterConfiguration whose API server serves until load balancers have removed it.

    A single control plane has the delay, too: otherwise a second control plane would restart the only API server.
    """
    if is_address(settings.endpoint_host):
        return own
    name, value = "shutdown-delay-duration", SHUTDOWN_DELAYS[settings.load_balancer]
    if name in flags_of(own.get("apiServer")):
        return own
    return _with_arguments(own, {name: value}, settings)


def _with_security(own: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A ClusterConfiguration in which the API server has the files of the security switches."""
    volumes = files_of_api_server.volumes(settings)
    if not volumes:
        return own
    own = _with_arguments(own, files_of_api_server.arguments(settings), settings)
    server = own["apiServer"]
    return {**own, "apiServer": {**server, "extraVolumes": [*(server.get("extraVolumes") or ()), *volumes]}}


def _with_arguments(own: dict[str, Any], more: Mapping[str, str], settings: Settings) -> dict[str, Any]:
    """A ClusterConfiguration whose API server has further arguments, in the form of its API version."""
    server = own.get("apiServer") or {}
    there, added = server.get("extraArgs") or (), _extra_arguments(more, settings)
    arguments = {**dict(there), **added} if isinstance(added, Mapping) else [*there, *added]
    return {**own, "apiServer": {**server, "extraArgs": arguments}}


def _kubelet_configuration(settings: Settings) -> dict[str, Any]:
    document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "systemd",
        "failSwapOn": False,
        # The authority of the cluster signs the serving certificate of a kubelet. Else the kubelet would.
        "serverTLSBootstrap": True,
        # Pods that name no seccomp profile get the profile of containerd; without it they may use every system call.
        **({"seccompDefault": True} if has_seccomp_default(settings.cluster.kubernetes_version) else {}),
    }
    return merged(document, settings.cluster.kubelet_configuration)


def _kube_proxy_configuration(settings: Settings) -> dict[str, Any]:
    document = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration"}
    return merged(document, settings.cluster.kube_proxy_configuration)


def api_server_for_people(host: Host, settings: Settings) -> str:
    """The URL of the API for people: a virtual address of the stack, or else that of `api_server_from_outside`."""
    vip = settings.cluster.vip
    return f"https://{vip.address}:{API_PORT}" if vip else api_server_from_outside(host, settings)


def api_server_from_outside(host: Host, settings: Settings) -> str:
    """The URL of the API for programs that run on no machine of the stack.

    Args:
        host: a control plane; its certificate has its address.
        settings: the settings of the stack.
    """
    return api_server(settings) if settings.load_balancer == "external" else f"https://{host.internal_ip}:{API_PORT}"


def api_server(settings: Settings) -> str:
    """The URL of the API by which nodes find it."""
    return api_server_at(settings.endpoint)


def api_server_at(endpoint: str) -> str:
    """The URL of the API at an endpoint. An endpoint without a port has kubeadm's own."""
    return f"https://{endpoint}" if re.search(r":\d+$", endpoint) else f"https://{endpoint}:{API_PORT}"


def _join_configuration(host: Host, settings: Settings) -> dict[str, Any]:
    """The document of `kubeadm join`. A secret file has the token, and the key of a control plane's certificates."""
    is_control_plane = host.role == "control-plane"
    taints = settings.cluster.control_plane_taints if is_control_plane else host.taints
    return {
        "apiVersion": kubeadm_api_version(settings.cluster.kubernetes_version),
        "kind": "JoinConfiguration",
        "discovery": {"file": {"kubeConfigPath": DISCOVERY_PATH}},
        "nodeRegistration": _node_registration(host, settings, taints),
        **({"controlPlane": {"localAPIEndpoint": _local_endpoint(host)}} if is_control_plane else {}),
    }


def _local_endpoint(host: Host) -> dict[str, Any]:
    return {"advertiseAddress": str(host.internal_ip), "bindPort": API_PORT}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` merged with `over`, mapping by mapping; lists and values are replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _node_registration(host: Host, settings: Settings, taints: tuple[Taint, ...]) -> dict[str, Any]:
    return {
        "name": host.name,
        "criSocket": SOCKET,
        "kubeletExtraArgs": _extra_arguments({"node-ip": str(host.internal_ip)}, settings),
        "taints": [taint.model_dump(exclude_defaults=True) for taint in taints],
    }


def _extra_arguments(arguments: Mapping[str, str], settings: Settings) -> Mapping[str, str] | list[dict[str, str]]:
    """Arguments of a program in the form of the API version: v1beta4 made a list of the mapping.

    kubernetes pull request 125029.
    """
    if kubeadm_api_version(settings.cluster.kubernetes_version).endswith("v1beta3"):
        return arguments
    return [{"name": name, "value": value} for name, value in arguments.items()]


def _sha256(document: dict[str, Any]) -> str:
    return hashlib.sha256(yaml_text(document).encode()).hexdigest()
