"""A warning where the way to the API server leads through a proxy of the shell that runs Pulumi.

No entry of a kubeconfig keeps the Kubernetes provider from using the proxy, and most proxies reach no machine of a
stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from urllib.parse import urlsplit

from components.host_files.kubeadm import api_server_from_outside
from components.settings import Host, Settings
from problem import Problem


def proxy_warning(leader: Host, settings: Settings, variables: Mapping[str, str]) -> Problem | None:
    """The warning; None without a proxy, and where the API server is reached directly.

    Args:
        leader: the control plane that the Kubernetes provider asks, unless the stack has a load balancer.
        settings: the settings of the stack.
        variables: the environment of Pulumi.
    """
    proxy = variables.get("HTTPS_PROXY") or variables.get("https_proxy")
    excepted = variables.get("NO_PROXY") or variables.get("no_proxy") or ""
    server = urlsplit(api_server_from_outside(leader, settings)).hostname or ""
    if not proxy or any(_covers(entry.strip(), server) for entry in excepted.split(",")):
        return None
    return Problem(
        "HTTPS_PROXY",
        expected=f"the API server at {server} to be reached directly",
        seen="a proxy in the environment of Pulumi, which NO_PROXY takes for it, too",
        next_command=f"export NO_PROXY=$NO_PROXY,{server}; a proxy that reaches the machine may stay",
    )


def _covers(entry: str, server: str) -> bool:
    """True where an entry of NO_PROXY has the server in it, as Go reads it: golang.org/x/net/http/httpproxy."""
    name = entry.partition(":")[0].lower()
    try:
        return IPv4Address(server) in IPv4Network(entry, strict=False)
    except ValueError:
        domain = name.removeprefix("*")
        return name == "*" or server == domain.removeprefix(".") or server.endswith(f".{domain.removeprefix('.')}")
