"""A stack file as settings."""

from __future__ import annotations

from pydantic import Field

from components.settings._types import MachineName, Model
from components.settings.access import Access
from components.settings.addons import Calico, Dashboard
from components.settings.cluster import Cluster
from components.settings.hosts import Host, Ssh
from components.settings.packages import Containerd, Images, Packages
from components.settings.proxy import Proxy
from components.settings.system import Policy, System
from components.settings.versions import pause_tag


class Settings(Model):
    """All that one stack file can say."""

    cluster: Cluster = Field(description="Name, version, networks and kubeadm configuration of the cluster")
    hosts: dict[MachineName, Host] = Field(description="Machines by host name")
    ssh: Ssh = Field(Ssh(), description="SSH user, keys and bastion of the machines")
    packages: Packages = Field(Packages(), description="Package repository of kubeadm, kubelet and kubectl")
    containerd: Containerd = Field(Containerd(), description="Package and registries of the container runtime")
    images: Images = Field(Images(), description="Registries that replace the public registries of images")
    proxy: Proxy = Field(Proxy(), description="Proxy of apt and containerd")
    calico: Calico = Field(Calico(), description="The pod network")
    dashboard: Dashboard = Field(Dashboard(), description="The Kubernetes Dashboard")
    access: Access = Field(Access(), description="Service accounts, roles and bindings")
    system: System = Field(System(), description="Kernel and systemd settings of every host")
    policy: Policy = Field(Policy(), description="Limits of drains and upgrades, and permission to reset machines")

    @property
    def control_plane(self) -> Host:
        """The host that kubeadm initialises."""
        return next(host for host in self.hosts.values() if host.role == "control-plane")

    @property
    def workers(self) -> list[Host]:
        """The hosts that join."""
        return [host for host in self.hosts.values() if host.role == "worker"]

    @property
    def pause_image(self) -> str:
        """The pause image of containerd: kubeadm's, unless the stack names another."""
        own = f"registry.k8s.io/pause:{pause_tag(self.cluster.kubernetes_version)}"
        return self.images.rewritten(self.containerd.pause_image or own)
