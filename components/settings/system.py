"""What holds on every host, and what may be done to it without being asked again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from components.settings import _patterns
from components.settings._types import Model, OneLine

Sysctls = dict[Annotated[str, StringConstraints(pattern=_patterns.SYSCTL)], int | OneLine]


class System(Model):
    """Kernel and systemd settings of every host; the defaults are those of the guide."""

    sysctl: Sysctls = Field(
        {
            "net.bridge.bridge-nf-call-ip6tables": 1,
            "net.bridge.bridge-nf-call-iptables": 1,
            "net.ipv4.ip_forward": 1,
            "user.max_user_namespaces": 28633,
            "vm.swappiness": 0,
        },
        description="Kernel settings by name, now and after a reboot",
    )
    modules: tuple[Annotated[str, StringConstraints(pattern=_patterns.MODULE)], ...] = Field(
        ("overlay", "br_netfilter"), description="Kernel modules that are loaded, now and after a reboot"
    )
    default_timeout_stop_sec: int = Field(5, ge=1, description="Seconds; keeps a reboot from hanging on shims")
    minimum_free_disk_mib: int = Field(4096, ge=0, description="MiB that /var must have free before installation")
    minimum_memory_mib: int = Field(1700, ge=0, description="MiB of a control plane; the default is kubeadm's own")


class Policy(Model):
    """What may be done without being asked again."""

    drain_timeout_seconds: int = Field(
        300, ge=1, description="How long a node may take to drain before it is upgraded or removed"
    )
    max_unavailable: int = Field(1, ge=1, description="How many workers are drained and upgraded at the same time")
    reset_on_failure: bool = Field(False, description="Reset a machine whose init or join by this stack was cut short")
    reset_on_destroy: bool = Field(False, description="`pulumi destroy` resets the machines; otherwise it forgets them")
