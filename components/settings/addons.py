"""The pod network and the add-ons."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from components.settings import _patterns
from components.settings._types import HttpsOrFileUrl, ImageName, Model, Sha256, TextFile


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


class Dashboard(Model):
    """The Kubernetes Dashboard as a NodePort service."""

    enabled: bool = Field(True, description="False leaves the dashboard out")
    node_port: int = Field(30009, ge=1, le=65535, description="Port of the dashboard, with TLS, on every node")
    image: ImageName = Field(
        "docker.io/kubernetesui/dashboard:v2.7.0", description="Dashboard image; rewritten as every image"
    )
    metrics_scraper_image: ImageName = Field(
        "docker.io/kubernetesui/metrics-scraper:v1.0.8", description="Metrics scraper image; rewritten as every image"
    )
    metrics_scraper_host_network: bool = Field(
        False, description="Puts the scraper on the host network, if the API server cannot reach pods"
    )


class StackAddon(Model):
    """An add-on of the stack: the objects of a manifest that others wrote, or that belongs to the stack."""

    manifest: HttpsOrFileUrl | TextFile = Field(description="Manifest: a file beside Pulumi.yaml, or a URL")
    sha256: Sha256 | None = Field(None, description="SHA-256 of the manifest; a URL needs one")
    images: tuple[ImageName, ...] = Field(
        (),
        description="Images that the manifest names outside of containers, as in an argument or a ConfigMap; rewritten"
        " there too",
    )

    @model_validator(mode="after")
    def _url_has_checksum(self) -> Self:
        if isinstance(self.manifest, str) and not self.sha256:
            raise ValueError("the manifest at a URL may change; set sha256 to what `curl URL | sha256sum` prints")
        return self
