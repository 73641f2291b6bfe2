"""The proxy between hosts and package repositories or image registries."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from components.settings import _patterns
from components.settings._types import WITH_SERVER, Model

# Without a user and a password: both would be in plain files and in the journal of every host.
ProxyUrl = Annotated[str, StringConstraints(pattern=_patterns.PROXY), WITH_SERVER]
Destination = Annotated[str, StringConstraints(pattern=_patterns.DESTINATION)]


class Proxy(Model):
    """The proxy of apt and containerd. Kubernetes does without the proxy: it connects to hosts of the stack only."""

    http: ProxyUrl | None = Field(None, description="Proxy for `http://` URLs, such as http://proxy.example.com:3128")
    https: ProxyUrl | None = Field(None, description="Proxy for `https://` URLs; usually the same proxy")
    no_proxy: tuple[Destination, ...] = Field(
        (),
        description="Hosts, `.domains` and networks that are reached directly, as pods and services always are",
    )
