"""The API server in a stack's kubeconfig, replaced by that of another control plane if it does not answer."""

from __future__ import annotations

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import yaml

from components.cluster_access import with_server
from components.host_files.kubeadm import api_server_for_people, api_server_from_outside
from components.settings import Settings
from components.settings.stack import API_PORT
from operations.stack.stacks import SelectedStack

CONNECT_SECONDS = 3


def answering_kubeconfig(stack: SelectedStack) -> str:
    """The stack's kubeconfig with the first server that takes connections: the virtual address, or a control plane.

    Without such a server, or with an external load balancer, the kubeconfig is that of the last update.

    Raises:
        StepError: the stack has no kubeconfig, or its file is not valid.
    """
    content = str(stack.output("kubeconfig"))
    servers = _servers(stack.settings())
    if len(servers) < 2 or _connects(_server_of(content)):
        return content
    return next((with_server(content, server) for server in servers if _connects(server)), content)


def _servers(settings: Settings) -> list[str]:
    """URLs of the API servers, a virtual address first; one URL with an external load balancer."""
    hosts = settings.living_control_planes
    return list(
        dict.fromkeys(url(host, settings) for url in (api_server_for_people, api_server_from_outside) for host in hosts)
    )


def _server_of(kubeconfig: str) -> str:
    with suppress(yaml.YAMLError, KeyError, IndexError, TypeError):
        return str(yaml.safe_load(kubeconfig)["clusters"][0]["cluster"]["server"])
    return ""


def _connects(server: str) -> bool:
    found = urlsplit(server)
    try:
        with socket.create_connection((found.hostname or "", found.port or API_PORT), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False
