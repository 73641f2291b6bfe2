"""The cluster: the settings that become kubeadm's configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from components.settings import _patterns
from components.settings._types import (
    LARGEST,
    DnsLabel,
    HostName,
    LabelKey,
    LabelValue,
    Model,
    Network,
    is_of_no_machine,
    no_address,
)
from components.settings.audit import Audit
from components.settings.encryption import Encryption
from components.settings.versions import NEWEST_MINOR, OLDEST_MINOR, minor_of

OWNED_BY_SETTINGS = {
    "clusterConfiguration": {
        "apiVersion": "nothing: it follows the version",
        "kind": "nothing",
        "clusterName": "cluster.name",
        "kubernetesVersion": "cluster.kubernetesVersion",
        "controlPlaneEndpoint": "cluster.controlPlaneEndpoint",
        "networking": "cluster.networking",
        "imageRepository": "images.rewrite",
    },
    "kubeletConfiguration": {"apiVersion": "nothing", "kind": "nothing", "cgroupDriver": "nothing: it is systemd"},
    "kubeProxyConfiguration": {"apiVersion": "nothing", "kind": "nothing"},
}
"""Keys of kubeadm's documents that a setting owns, and the setting."""
LEAVES_CONNTRACK_ALONE = {"maxPerCore": 0}
"""kube-proxy leaves the system's nf_conntrack_max as it is."""
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")


def _known_version(value: str) -> str:
    if not OLDEST_MINOR <= minor_of(value) <= NEWEST_MINOR:
        raise ValueError(f"versions 1.{OLDEST_MINOR} to 1.{NEWEST_MINOR} are known")
    return value


def _without_owned_keys(section: str) -> AfterValidator:
    def check(value: dict[str, Any]) -> dict[str, Any]:
        owned = {key: instead for key, instead in OWNED_BY_SETTINGS[section].items() if key in value}
        if owned:
            raise ValueError("; ".join(f"{key} is not set here, use {instead}" for key, instead in owned.items()))
        return value

    return AfterValidator(check)


def _without_control_characters(value: dict[str, Any]) -> dict[str, Any]:
    """kubeadm writes such characters into files and cannot read these: `yaml: control characters are not allowed`."""
    found = sorted({character for text in _texts(value) for character in CONTROL_CHARACTER.findall(text)})
    if found:
        raise ValueError(f"kubeadm's files have no control characters, found {', '.join(map(repr, found))}")
    return value


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for each in [*node, *node.values()] if isinstance(node, dict) else node:
            yield from _texts(each)


Document = Annotated[dict[str, Any], AfterValidator(_without_control_characters)]
"""A mapping that is merged into a document of kubeadm."""
KubernetesVersion = Annotated[
    str, StringConstraints(pattern=_patterns.KUBERNETES_VERSION), AfterValidator(_known_version)
]


def _found_by_each_node(value: str) -> str:
    name = value.partition(":")[0]
    try:
        address = IPv4Address(name)
    except AddressValueError:
        no_address(name)
        return value
    if is_of_no_machine(address):
        raise ValueError("other machines find nobody by this address")
    return value


Endpoint = Annotated[str, StringConstraints(pattern=_patterns.ENDPOINT), AfterValidator(_found_by_each_node)]


class Taint(Model):
    """A node taint, as Kubernetes writes it."""

    key: LabelKey = Field(description="Key, such as `node-role.kubernetes.io/control-plane`")
    value: LabelValue = Field("", description="Value; may be empty")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(description="Effect of the taint on pods")

    def __str__(self) -> str:
        """The taint in the notation of `kubectl taint`."""
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


class Networking(Model):
    """Networks of the cluster; kubeadm's `networking`. They cannot be changed once the cluster exists."""

    pod_subnet: Network = Field(IPv4Network("10.244.0.0/16"), description="Addresses of pods")
    service_subnet: Network = Field(IPv4Network("10.96.0.0/12"), description="Addresses of services")
    dns_domain: HostName = Field("cluster.local", description="DNS domain of services")

    @property
    def subnets(self) -> dict[str, IPv4Network]:
        """The networks by the names of their settings."""
        return {"podSubnet": self.pod_subnet, "serviceSubnet": self.service_subnet}


class Vip(Model):
    """A virtual address of the API, which one control plane has at a time; for people, and never for nodes."""

    address: IPv4Address = Field(
        description="An address of its own in the network of the control planes; their certificates get it"
    )
    router_id: int | None = Field(
        None,
        ge=1,
        le=255,
        description="VRRP router, by which keepalived tells virtual addresses of one network apart; by default the last"
        " number of the address",
    )

    @property
    def router(self) -> int:
        """The VRRP router; 0 is none."""
        return self.router_id or self.address.packed[-1] or 255


class Cluster(Model):
    """A cluster: its name, version, networks and kubeadm configuration."""

    name: DnsLabel = Field(description="Name of the cluster; kubeadm's `clusterName`")
    id: str | None = Field(
        None,
        pattern=_patterns.IDENTITY,
        description="Only for a cluster whose state was lost: its identity, which its machines name",
    )
    kubernetes_version: KubernetesVersion = Field(
        "1.36.3", description="Version without a leading v; a change is an upgrade"
    )
    control_plane_endpoint: Endpoint | None = Field(
        None,
        description="Stable name or address of the API, with port; by default `api.NAME.internal:6443`, NAME being"
        " the name of the cluster",
    )
    load_balancer: Literal["local", "external"] | None = Field(
        None,
        description="What leads nodes to the control planes: `local`, an haproxy on each worker, once there are several"
        " control planes; `external`, a load balancer of yours; by default `external` where there is a"
        " `controlPlaneEndpoint`, and else `local`",
    )
    vip: Vip | None = Field(
        None,
        description="Virtual address of the API for people and programs outside, with `loadBalancer: local`; keepalived"
        " gives it to a control plane that serves",
    )
    networking: Networking = Field(Networking(), description="Networks of the cluster")
    control_plane_taints: tuple[Taint, ...] = Field(
        (Taint(key="node-role.kubernetes.io/control-plane", effect="PreferNoSchedule"),),
        description="Taints of the control plane; an empty list lets pods run there",
    )
    certificate_generation: int = Field(
        0,
        ge=0,
        le=LARGEST,
        description="Raising the number by one renews all certificates of the control plane, which last a year",
    )
    ignore_preflight_errors: tuple[Annotated[str, StringConstraints(pattern=_patterns.PREFLIGHT)], ...] = Field(
        (), description="kubeadm's checks that may fail, by name"
    )
    audit: Audit | None = Field(None, description="Audit log of the API servers; `{}` for one with the defaults")
    encryption: Encryption | None = Field(None, description="Encryption of Secrets in etcd; none by default")
    cluster_configuration: Annotated[Document, _without_owned_keys("clusterConfiguration")] = Field(
        {}, description="Merged into kubeadm's ClusterConfiguration"
    )
    kubelet_configuration: Annotated[Document, _without_owned_keys("kubeletConfiguration")] = Field(
        {}, description="Merged into KubeletConfiguration"
    )
    kube_proxy_configuration: Annotated[Document, _without_owned_keys("kubeProxyConfiguration")] = Field(
        {"conntrack": LEAVES_CONNTRACK_ALONE},
        description="Merged into KubeProxyConfiguration, beside the default",
    )

    @field_validator("kube_proxy_configuration")
    @classmethod
    def _beside_the_default(cls, value: dict[str, Any]) -> dict[str, Any]:
        """A stack that names another setting keeps the default."""
        own = value.get("conntrack", {})
        return {"conntrack": {**LEAVES_CONNTRACK_ALONE, **own} if isinstance(own, dict) else own} | {
            key: each for key, each in value.items() if key != "conntrack"
        }
