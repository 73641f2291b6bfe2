"""The machines of a stack, and the SSH settings that reach them."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.settings import _patterns
from components.settings._types import (
    ExistingFile,
    FilePath,
    HostKey,
    LabelKey,
    LabelValue,
    MachineName,
    Model,
    UserName,
)
from components.settings.cluster import Taint
from components.settings.system import Sysctls

OF_KUBELET = {
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
}
"""Labels that each kubelet sets on its node when it starts: pkg/kubelet/kubelet_node_status.go of Kubernetes."""


def _no_label_of_kubelet(value: str) -> str:
    if value in OF_KUBELET:
        raise ValueError("the kubelet sets this label of its node, by which volumes and pods find the machine")
    return value


OwnLabelKey = Annotated[LabelKey, AfterValidator(_no_label_of_kubelet)]


class Host(Model):
    """A machine that the stack names. The key of the host in the file is its name."""

    name: MachineName = Field(description="Name of the host: its key in the file, and optional here")
    address: IPv4Address = Field(description="Address of the SSH server")
    role: Literal["control-plane", "worker"] = Field("worker", description="Role of the host in the cluster")
    node_ip: IPv4Address | None = Field(None, description="Address of the node in the cluster; `address` by default")
    user: UserName | None = Field(None, description="SSH user, instead of `ssh.user`")
    port: int | None = Field(None, ge=1, le=65535, description="SSH port, instead of `ssh.port`")
    host_key: HostKey | None = Field(None, description="SSH host key, as in known_hosts: `ssh-ed25519 AAAA...`")
    labels: dict[OwnLabelKey, LabelValue] = Field({}, description="Labels of the node")
    taints: tuple[Taint, ...] = Field((), description="Taints of the node; for workers only")
    sysctl: Sysctls = Field(
        {}, description="Kernel settings of this host, beside and instead of `system.sysctl`; `null` as there"
    )
    gone: bool = Field(
        False, description="The machine is dead: its node is taken out of the cluster, and nothing connects to it"
    )

    @property
    def internal_ip(self) -> IPv4Address:
        """The address that the node has in the cluster."""
        return self.node_ip or self.address


class Bastion(Model):
    """A machine that SSH connections go through."""

    address: str = Field(pattern=_patterns.NAME_OR_ADDRESS, description="Name or address of the bastion")
    host_key: HostKey = Field(description="SSH host key of the bastion, as in known_hosts")
    user: UserName = Field("root", description="SSH user on the bastion")
    port: int = Field(22, ge=1, le=65535, description="SSH port of the bastion")


class Ssh(Model):
    """SSH settings of the machines. Without a key file the agent of $SSH_AUTH_SOCK signs."""

    user: UserName = Field("root", description="SSH user; a user other than root needs sudo without a password")
    port: int = Field(22, ge=1, le=65535, description="SSH port of the machines")
    private_key_file: FilePath | None = Field(
        None,
        description="Private key, by a path relative to Pulumi.yaml; the state then holds the key, encrypted",
    )
    known_hosts_file: ExistingFile | None = Field(None, description="Host keys of hosts without a `hostKey`")
    bastion: Bastion | None = Field(None, description="Machine that all SSH connections go through")
    dial_error_limit: int = Field(8, ge=1, le=100, description="Failed connection attempts before a host is given up")
    per_dial_timeout: int = Field(5, ge=1, le=120, description="Seconds for one connection attempt")
