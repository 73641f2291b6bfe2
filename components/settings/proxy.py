"""How hosts reach package repositories and image registries where there is no direct way."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from components.settings import _patterns
from components.settings._types import Model

# Without a user and a password: they would stand in plain files and in the journal of every host.
ProxyUrl = Annotated[str, StringConstraints(pattern=_patterns.PROXY)]
Destination = Annotated[str, StringConstraints(pattern=_patterns.DESTINATION)]


class Proxy(Model):
    """The proxy of apt and containerd. Nothing else on a host is told of it: Kubernetes talks to its own hosts only."""

    http: ProxyUrl | None = Field(None, description="For `http://` URLs, such as http://proxy.example.com:3128")
    https: ProxyUrl | None = Field(None, description="For `https://` URLs; usually the same")
    no_proxy: tuple[Destination, ...] = Field(
        (),
        description="Hosts, `.domains` and networks that are reached directly; the pod and service networks always are",
    )
