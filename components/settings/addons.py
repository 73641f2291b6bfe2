"""The pod network and the add-ons."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from components.settings import _patterns
from components.settings._types import (
    ChartRepository,
    Directory,
    DnsLabel,
    ExistingFile,
    HttpsOrFileUrl,
    ImageName,
    Model,
    Sha256,
    TextFile,
    is_of_no_machine,
)


class Calico(Model):
    """Calico, the pod network. The reference of calico/node explains the values: they become its environment."""

    version: str | None = Field(
        None,
        pattern=_patterns.VERSION,
        description="A version that manifests/sources.yaml lists; by default the newest one that its makers test with"
        " the Kubernetes version",
    )
    manifest_url: HttpsOrFileUrl | None = Field(None, description="URL of a manifest that replaces the listed manifest")
    manifest_sha256: Sha256 | None = Field(
        None, description="SHA-256 of the manifest at `manifestUrl`; both are set, or neither"
    )
    vxlan_mode: Literal["Always", "CrossSubnet"] = Field(
        "Always", description="`CrossSubnet` sends unencapsulated packets between nodes of one subnet"
    )
    mtu: int = Field(0, ge=0, le=9000, description="Bytes; 0 lets Calico find it")
    ip_autodetection_method: str = Field(
        "kubernetes-internal-ip",
        pattern=_patterns.DETECTION,
        description="Method by which Calico finds a node's address",
    )


DASHBOARD_IMAGES = {
    "kubernetes-dashboard": "docker.io/kubernetesui/dashboard:v2.7.0",
    "headlamp": "ghcr.io/headlamp-k8s/headlamp:v0.45.0",
}
"""Image by kind of dashboard."""


class Dashboard(Model):
    """A dashboard in the cluster. Kinds other than `kubernetes-dashboard` read `kind` and `image` alone."""

    kind: Literal["kubernetes-dashboard", "headlamp", "none"] = Field(
        "kubernetes-dashboard",
        description="`kubernetes-dashboard` is archived, and answers on a node port; `headlamp` is behind `kubectl"
        " port-forward`; `none` leaves the dashboard out",
    )
    node_port: int = Field(30009, ge=1, le=65535, description="Port of the dashboard, with TLS, on every node")
    image: ImageName | None = Field(
        None, description="Dashboard image; rewritten as every image; by default that of the kind"
    )
    metrics_scraper_image: ImageName = Field(
        "docker.io/kubernetesui/metrics-scraper:v1.0.8", description="Metrics scraper image; rewritten as every image"
    )
    metrics_scraper_host_network: bool = Field(
        False, description="Puts the scraper on the host network, if the API server cannot reach pods"
    )

    @property
    def has_node_port(self) -> bool:
        """True where people reach the dashboard at a port of every node."""
        return self.kind == "kubernetes-dashboard"

    def image_of(self, kind: str) -> str:
        """The image of a kind of dashboard, wanted or not: a plan knows what goes with it."""
        return self.image or DASHBOARD_IMAGES[kind]


class MetricsServer(Model):
    """metrics-server: the figures of `kubectl top`, and of autoscalers."""

    enabled: bool = Field(
        True,
        description="It trusts only kubelets whose certificate the authority of the cluster signed",
    )
    image: ImageName | None = Field(
        None, description="Its image; rewritten as every image; by default that for the Kubernetes version"
    )
    host_network: bool = Field(
        False, description="Puts it on the network of its node, port 4443, if the API server cannot reach pods"
    )


class LocalPath(Model):
    """Volumes that are directories of the node on which their pod runs."""

    enabled: bool = Field(False, description="A StorageClass `local-path`, and what makes its volumes")
    directory: Directory = Field(
        "/var/lib/local-path",
        description="Directory of every node with a directory for each volume; a change holds for new volumes",
    )
    default_class: bool = Field(True, description="Makes it the class of claims that name none")
    image: ImageName = Field(
        "docker.io/rancher/local-path-provisioner:v0.0.37", description="Its image; rewritten as every image"
    )
    helper_image: ImageName = Field(
        "docker.io/library/busybox:1.37.0",
        description="Image with a shell, which makes and deletes the directories; rewritten as every image",
    )


def _address_range(value: str) -> str:
    addresses_of(value)
    return value


def addresses_of(value: str) -> tuple[IPv4Address, IPv4Address]:
    """First and last address of `192.0.2.0/28` or `192.0.2.10-192.0.2.20`.

    Raises:
        ValueError: the text is neither, or the range has no address of a host.
    """
    try:
        network = IPv4Network(value) if "/" in value else None
        first, last = (network[0], network[-1]) if network else map(IPv4Address, value.split("-"))
    except ValueError:
        raise ValueError("expected a network such as 192.0.2.0/28, or a range such as 192.0.2.10-192.0.2.20") from None
    if first > last:
        raise ValueError("the first address of a range is not above the last one")
    if any(is_of_no_machine(each) or each.is_link_local for each in (first, last)):
        raise ValueError("no host of a network has such an address")
    return first, last


class Metallb(Model):
    """MetalLB: addresses for services of type LoadBalancer, each of which one node answers for by ARP."""

    addresses: tuple[Annotated[str, AfterValidator(_address_range)], ...] = Field(
        (),
        description="Networks, or ranges `first-last`, of the network of the hosts, which nothing else has; MetalLB is"
        " installed where there are any",
    )
    manifest_url: HttpsOrFileUrl | None = Field(
        None, description="URL of a manifest that replaces the one in manifests/sources.yaml"
    )
    manifest_sha256: Sha256 | None = Field(
        None, description="SHA-256 of the manifest at `manifestUrl`; both are set, or neither"
    )


def _no_oci(value: object) -> object:
    if isinstance(value, str) and value.startswith("oci://"):
        raise ValueError(
            "a chart of an OCI registry has its address, without its name, as repository, and name and version"
        )
    return value


class Chart(Model):
    """A Helm chart: an archive, or a chart of a repository; and what its templates read."""

    archive: Annotated[HttpsOrFileUrl | ExistingFile, BeforeValidator(_no_oci)] | None = Field(
        None, description="Archive of the chart, `.tgz`: a file beside Pulumi.yaml, or a URL"
    )
    repository: ChartRepository | None = Field(
        None,
        description="URL below which `index.yaml` names the archive, or `oci://REGISTRY/PATH`, below which a registry"
        " has the chart; in place of `archive`",
    )
    name: str | None = Field(None, pattern=_patterns.CHART, description="Name of the chart in the repository")
    version: str | None = Field(None, pattern=_patterns.CHART, description="Version of the chart in the repository")
    namespace: DnsLabel | None = Field(
        None, description="Namespace of the objects for which the chart names none; by default the name of the add-on"
    )
    values: dict[str, Any] = Field({}, description="Values that replace those of the chart, as for `helm --values`")

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        named = [self.repository, self.name, self.version]
        if bool(self.archive) == any(named) or (any(named) and not all(named)):
            raise ValueError("set either archive, or all of repository, name and version")
        return self


class StackAddon(Model):
    """An add-on of the stack: the objects of a manifest or a chart that others wrote, or that belongs to the stack."""

    manifest: HttpsOrFileUrl | TextFile | None = Field(
        None, description="Manifest: a file beside Pulumi.yaml, or a URL"
    )
    chart: Chart | None = Field(None, description="Helm chart, in place of a manifest")
    sha256: Sha256 | None = Field(
        None, description="SHA-256 of the manifest, or of the archive of the chart; what is no file needs one"
    )
    namespace: DnsLabel | None = Field(
        None,
        description="Namespace of the objects for which the manifest names none, as for `kubectl apply --namespace`;"
        " made if it is missing. For a chart it is `chart.namespace`",
    )
    images: tuple[ImageName, ...] = Field(
        (),
        description="Images that the objects name outside of containers, as in an argument or a ConfigMap; rewritten"
        " there too",
    )

    @model_validator(mode="after")
    def _has_one_source_with_a_checksum(self) -> Self:
        if (self.manifest is None) == (self.chart is None):
            raise ValueError("set either manifest or chart")
        if self.chart and self.namespace:
            raise ValueError("set chart.namespace: the namespace beside it is that of a manifest")
        where = "the manifest" if self.manifest else "the archive of a chart"
        if not self.sha256 and not isinstance(self.manifest or (self.chart and self.chart.archive), Path):
            raise ValueError(f"{where} at a URL may change; set sha256 to what `curl URL | sha256sum` prints")
        return self

    def namespace_of(self, name: str) -> str | None:
        """The namespace of objects that name none; None for a manifest without `namespace`."""
        return (self.chart.namespace or name) if self.chart else self.namespace
