"""Ports that hosts and people need: the one list, for docs/hosts.md and `make status`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from components.settings import Dashboard, Settings
from components.settings.stack import API_PORT

EVERY_HOST, CONTROL_PLANES, WORKERS = "every host", "control planes", "workers"
OPERATOR = "where Pulumi runs"
PEOPLE = "people"
OUTSIDE = "sources of packages and images"
ETCD_CLIENT_PORT, ETCD_PEER_PORT, KUBELET_PORT, VXLAN_PORT = 2379, 2380, 10250, 4789
NODE_PORTS = range(30000, 32768)
"""The API server's default of `service-node-port-range`."""


def _always(_: Settings) -> bool:
    return True


def _has_several_control_planes(settings: Settings) -> bool:
    return len(settings.living_control_planes) > 1


@dataclass(frozen=True)
class Port:
    """A way that a firewall between two machines leaves open.

    Attributes:
        number: port or ports, or the number of an IP protocol.
        source: machines or people that connect.
        target: machines that listen.
        purpose: program or protocol, and the purpose or the setting that needs the port.
        is_checked: `make status` connects to the port, from hosts to hosts.
        is_used: true for the settings of a stack that needs the port.
    """

    protocol: str
    number: str
    source: str
    target: str
    purpose: str
    is_checked: bool = False
    is_used: Callable[[Settings], bool] = _always

    @property
    def program(self) -> str:
        """The first words of the purpose: the program that listens, or its protocol."""
        return re.split("[:;,]", self.purpose)[0]

    @property
    def is_needed_by_workers(self) -> bool:
        """True where workers connect to the port, and not control planes alone."""
        return self.source == EVERY_HOST


PORTS = (
    Port("TCP", "22", OPERATOR, EVERY_HOST, "SSH; `ssh.port`, `hosts.NAME.port`; with `ssh.bastion` from the bastion"),
    Port("TCP", f"{API_PORT}", OPERATOR, CONTROL_PLANES, "API server: objects of the stack, `make status`"),
    Port("TCP", f"{API_PORT}", PEOPLE, CONTROL_PLANES, "API server: kubectl; `cluster.vip.address` where it is set"),
    Port("TCP", f"{API_PORT}", EVERY_HOST, CONTROL_PLANES, "API server: kubelets, kube-proxies, pods", is_checked=True),
    Port(
        "TCP",
        f"{ETCD_CLIENT_PORT}",
        CONTROL_PLANES,
        CONTROL_PLANES,
        "etcd: members that join",
        is_checked=True,
        is_used=_has_several_control_planes,
    ),
    Port(
        "TCP",
        f"{ETCD_PEER_PORT}",
        CONTROL_PLANES,
        CONTROL_PLANES,
        "etcd: its members",
        is_checked=True,
        is_used=_has_several_control_planes,
    ),
    Port("TCP", f"{KUBELET_PORT}", CONTROL_PLANES, EVERY_HOST, "kubelet: logs, exec, metrics", is_checked=True),
    Port(
        "TCP",
        f"{KUBELET_PORT}",
        EVERY_HOST,
        EVERY_HOST,
        "kubelet: metrics-server, from whichever node it runs on",
        is_used=lambda settings: settings.metrics_server.enabled,
    ),
    Port(
        "TCP",
        "4443",
        CONTROL_PLANES,
        EVERY_HOST,
        "metrics-server, where `metricsServer.hostNetwork` is set",
        is_used=lambda settings: settings.metrics_server.enabled and settings.metrics_server.host_network,
    ),
    Port(
        "TCP",
        "8000",
        EVERY_HOST,
        EVERY_HOST,
        "metrics scraper, where `dashboard.metricsScraperHostNetwork` is set",
        is_used=lambda settings: settings.dashboard.has_node_port and settings.dashboard.metrics_scraper_host_network,
    ),
    Port("UDP", f"{VXLAN_PORT}", EVERY_HOST, EVERY_HOST, "VXLAN of Calico: pods of one host reach those of another"),
    Port(
        "TCP, UDP",
        "7946",
        EVERY_HOST,
        EVERY_HOST,
        "MetalLB: which nodes live, where `metallb.addresses` is set",
        is_used=lambda settings: bool(settings.metallb.addresses),
    ),
    Port(
        "IP protocol",
        "112",
        CONTROL_PLANES,
        CONTROL_PLANES,
        "VRRP of keepalived, where `cluster.vip` is set",
        is_used=lambda settings: settings.cluster.vip is not None,
    ),
    Port(
        "TCP",
        f"{Dashboard().node_port}",
        PEOPLE,
        EVERY_HOST,
        "dashboard; `dashboard.nodePort`",
        is_used=lambda settings: settings.dashboard.has_node_port,
    ),
    Port(
        "TCP, UDP",
        f"{NODE_PORTS[0]}-{NODE_PORTS[-1]}",
        PEOPLE,
        EVERY_HOST,
        "services of type NodePort and LoadBalancer; `service-node-port-range` of the API server",
    ),
    Port("TCP", "80, 443", EVERY_HOST, OUTSIDE, "package repositories and registries, or your mirrors, or the proxy"),
)

LOCAL_PORTS = (
    Port(
        "TCP",
        f"{API_PORT}",
        WORKERS,
        "127.0.0.1",
        "haproxy, where the cluster has several control planes",
        is_used=lambda settings: settings.has_local_load_balancer,
    ),
    Port("TCP", f"{ETCD_CLIENT_PORT}, 2381", CONTROL_PLANES, "127.0.0.1", "etcd: API server, metrics"),
    Port("TCP", "10248", EVERY_HOST, "127.0.0.1", "health of the kubelet"),
    Port("TCP", "10249, 10256", EVERY_HOST, "127.0.0.1", "kube-proxy: metrics, and health, which all addresses have"),
    Port("TCP", "10257, 10259", CONTROL_PLANES, "127.0.0.1", "kube-controller-manager, kube-scheduler"),
    Port("TCP", "9099", EVERY_HOST, "127.0.0.1", "health of calico-node"),
    Port("TCP", "9120", EVERY_HOST, "all addresses", "MetalLB's speaker: metrics and health; 7472 before MetalLB 0.16"),
)
"""Ports that nothing else on a machine may have, and that no firewall has to open."""
