"""A stack file as settings."""

from __future__ import annotations

from functools import cached_property
from ipaddress import AddressValueError, IPv4Address
from typing import Self

from pydantic import Field, model_validator

from components.settings._types import DnsLabel, MachineName, Model
from components.settings.access import ADMIN_USER, Access
from components.settings.addons import Calico, Dashboard, LocalPath, Metallb, MetricsServer, StackAddon
from components.settings.backup import Backup
from components.settings.cluster import Cluster
from components.settings.hosts import Host, Ssh
from components.settings.packages import (
    DISTRIBUTIONS_CONTAINERD,
    DOCKERS_CONTAINERD,
    DOCKERS_REPOSITORY,
    AptRepository,
    Containerd,
    Images,
    Packages,
)
from components.settings.proxy import Proxy
from components.settings.system import MODULES_OF_SYSCTLS, MODULES_OF_THE_GUIDE, Policy, System
from components.settings.versions import default_calico, metrics_server_version, needs_containerd_2, pause_tag

API_PORT = 6443
"""Port of each API server."""
MODULES_OF_KUBE_PROXY = {"ipvs": ("ip_vs", "ip_vs_rr"), "nftables": ("nf_tables",)}
"""Kernel modules by mode of kube-proxy."""


class Settings(Model):
    """All that one stack file can say."""

    cluster: Cluster = Field(description="Name, version, networks and kubeadm configuration of the cluster")
    backup: Backup = Field(Backup(), description="Snapshots of etcd, and the bundles that a restore needs")
    hosts: dict[MachineName, Host] = Field(description="Machines by host name")
    ssh: Ssh = Field(Ssh(), description="SSH user, keys and bastion of the machines")
    packages: Packages = Field(Packages(), description="Package repository of kubeadm, kubelet and kubectl")
    containerd: Containerd = Field(Containerd(), description="Package and registries of the container runtime")
    images: Images = Field(Images(), description="Registries that replace the public registries of images")
    proxy: Proxy = Field(Proxy(), description="Proxy of apt and containerd")
    calico: Calico = Field(Calico(), description="The pod network")
    dashboard: Dashboard = Field(Dashboard(), description="The dashboard, or none")
    metrics_server: MetricsServer = Field(MetricsServer(), description="Figures for `kubectl top` and autoscalers")
    local_path: LocalPath = Field(LocalPath(), description="Volumes on the disks of nodes")
    metallb: Metallb = Field(Metallb(), description="Addresses for services of type LoadBalancer")
    addons: dict[DnsLabel, StackAddon] = Field({}, description="Further add-ons by name: manifests, or Helm charts")
    access: Access = Field(Access(), description="Service accounts, roles and bindings")
    system: System = Field(System(), description="Kernel and systemd settings of every host")
    policy: Policy = Field(Policy(), description="Limits of drains and upgrades, and permission to reset machines")

    @model_validator(mode="after")
    def _admin_user_belongs_to_the_dashboard_of_the_guide(self) -> Self:
        """Without that dashboard nobody logs in by the default account that may do everything."""
        if self.dashboard.has_node_port or "service_accounts" in self.access.model_fields_set:
            return self
        others = tuple(each for each in self.access.service_accounts if each.name != ADMIN_USER)
        return self.model_copy(update={"access": self.access.model_copy(update={"service_accounts": others})})

    @property
    def control_planes(self) -> list[Host]:
        """The control planes, dead machines too."""
        return [host for host in self.hosts.values() if host.role == "control-plane"]

    @property
    def living_control_planes(self) -> list[Host]:
        """The control planes whose machines are not declared dead."""
        return [host for host in self.control_planes if not host.gone]

    @property
    def endpoint(self) -> str:
        """The endpoint of the API: a name or address, and perhaps a port."""
        return self.cluster.control_plane_endpoint or f"api.{self.cluster.name}.internal:{API_PORT}"

    @property
    def endpoint_host(self) -> str:
        """The name or address in the endpoint."""
        return self.endpoint.partition(":")[0]

    @property
    def name_in_hosts_files(self) -> str:
        """The name of the endpoint where /etc/hosts of each host leads to it; empty where name servers do."""
        return self.endpoint_host if self.load_balancer == "local" else ""

    @property
    def load_balancer(self) -> str:
        """The way of nodes to the control planes: `local` or `external`."""
        return self.cluster.load_balancer or ("external" if self.cluster.control_plane_endpoint else "local")

    @property
    def has_local_load_balancer(self) -> bool:
        """True where each worker runs a load balancer: with several control planes, unless the stack has its own."""
        return self.load_balancer == "local" and len(self.living_control_planes) > 1

    @property
    def workers(self) -> list[Host]:
        """The hosts that join."""
        return [host for host in self.hosts.values() if host.role == "worker"]

    def sysctls(self, host: Host) -> dict[str, int | str]:
        """The kernel settings of a host by name."""
        return {name: value for name, value in {**self.system.sysctl, **host.sysctl}.items() if value is not None}

    @cached_property  # each host needs it, and computing it visits each host
    def modules(self) -> tuple[str, ...]:
        """The kernel modules of every host: the guide's, the stack's, and those of its sysctls and of kube-proxy."""
        sysctls = [name for host in self.hosts.values() for name in self.sysctls(host)]
        of_sysctls = [
            module for name in sysctls for prefix, module in MODULES_OF_SYSCTLS.items() if name.startswith(prefix)
        ]
        of_kube_proxy = MODULES_OF_KUBE_PROXY.get(str(self.cluster.kube_proxy_configuration.get("mode")), ())
        return tuple(dict.fromkeys((*MODULES_OF_THE_GUIDE, *self.system.modules, *of_sysctls, *of_kube_proxy)))

    def containerd_of(self, there: str | None) -> Containerd:
        """The containerd of a host: the package that the stack names, or that is there, or that Kubernetes needs.

        Args:
            there: the package that an earlier update left on the host; None for a new host.
        """
        if self.containerd.package or self.containerd.repository:
            package, repository = self.containerd.package or DISTRIBUTIONS_CONTAINERD, self.containerd.repository
        else:
            gets_dockers = self.packages.are_public and needs_containerd_2(self.cluster.kubernetes_version)
            package = there or (DOCKERS_CONTAINERD if gets_dockers else DISTRIBUTIONS_CONTAINERD)
            is_from_docker = self.packages.are_public and package == DOCKERS_CONTAINERD
            repository = DOCKERS_REPOSITORY if is_from_docker else None
        return self.containerd.model_copy(update={"package": package, "repository": repository})

    @property
    def repository_logins(self) -> dict[str, AptRepository]:
        """A package repository with a login, by server: apt has one login for each."""
        repositories = (self.containerd.repository, self.packages.repository)
        version = self.cluster.kubernetes_version
        return {each.server(version): each for each in repositories if each and each.username}

    @property
    def listed_calico(self) -> str:
        """The version of Calico in manifests/sources.yaml, where the stack has no manifest of its own."""
        return self.calico.version or default_calico(self.cluster.kubernetes_version)

    @property
    def metrics_server_image(self) -> str:
        """The image of metrics-server, wanted or not: a plan knows what goes."""
        version = metrics_server_version(self.cluster.kubernetes_version)
        return self.metrics_server.image or f"registry.k8s.io/metrics-server/metrics-server:v{version}"

    @property
    def pause_image(self) -> str:
        """The pause image of containerd: kubeadm's, unless the stack names another."""
        own = f"registry.k8s.io/pause:{pause_tag(self.cluster.kubernetes_version)}"
        return self.images.rewritten(self.containerd.pause_image or own)


def is_address(text: str) -> bool:
    """True for an IPv4 address."""
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True
