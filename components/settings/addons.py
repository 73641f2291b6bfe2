"""The pod network and the add-ons."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.settings import _patterns
from components.settings._types import HttpsOrFileUrl, ImageName, Model, Sha256


class Calico(Model):
    """The pod network. The environment of calico/node decides; see its reference for the meaning of each value."""

    version: str = Field("3.28.5", pattern=_patterns.VERSION, description="One that manifests/sources.yaml lists")
    manifest_url: HttpsOrFileUrl | None = Field(None, description="Instead of the one in manifests/sources.yaml")
    manifest_sha256: Sha256 | None = Field(None, description="Of what is at `manifestUrl`; both or none")
    vxlan_mode: Literal["Always", "CrossSubnet"] = Field(
        "Always", description="`CrossSubnet` sends unencapsulated packets between nodes of one subnet"
    )
    mtu: int = Field(0, ge=0, le=9000, description="Bytes; 0 lets Calico find it")
    ip_autodetection_method: str = Field(
        "kubernetes-internal-ip", pattern=_patterns.DETECTION, description="How a node's address is found"
    )


class Dashboard(Model):
    """The Kubernetes Dashboard as a NodePort service."""

    enabled: bool = Field(True, description="False leaves it out")
    node_port: int = Field(30009, ge=30000, le=32767, description="Where it answers with TLS on every node")
    image: ImageName = Field("docker.io/kubernetesui/dashboard:v2.7.0", description="Rewritten as all others")
    metrics_scraper_image: ImageName = Field(
        "docker.io/kubernetesui/metrics-scraper:v1.0.8", description="Rewritten as all others"
    )
    metrics_scraper_host_network: bool = Field(
        False, description="For networks where the API server cannot reach pods, as in the guide"
    )
