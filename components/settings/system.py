"""Settings of the operating system of every host, and the policy of drains, upgrades and resets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from components.settings import _patterns
from components.settings._types import LARGEST, Model

Sysctls = dict[
    Annotated[str, StringConstraints(pattern=_patterns.SYSCTL)],
    int
    | Annotated[
        str,
        StringConstraints(pattern=_patterns.SYSCTL_VALUE),
        # The kernel shows a tab between numbers, as `sysctl` does, and hosts compare with a space.
        AfterValidator(lambda value: value.replace("\t", " ")),
    ]
    | None,
]
Module = Annotated[
    str, StringConstraints(pattern=_patterns.MODULE), AfterValidator(lambda name: name.replace("-", "_"))
]
"""Name that the kernel has: modprobe takes `vfio-pci` for `vfio_pci`."""
SYSCTLS_OF_THE_GUIDE: Sysctls = {
    # The shim of each pod takes two of root's: with the 128 of Debian and Ubuntu some thirty pods fill a node, and a
    # kubelet that restarts there does not start. https://github.com/k0sproject/k0s/issues/8113
    "fs.inotify.max_user_instances": 8192,
    "net.bridge.bridge-nf-call-ip6tables": 1,
    "net.bridge.bridge-nf-call-iptables": 1,
    "net.ipv4.ip_forward": 1,
    "user.max_user_namespaces": 28633,
    "vm.swappiness": 0,
}
MODULES_OF_THE_GUIDE = ("overlay", "br_netfilter")
MODULES_OF_SYSCTLS = {
    "net.bridge.": "br_netfilter",
    "net.netfilter.": "nf_conntrack",
    "net.nf_conntrack_max": "nf_conntrack",
    "net.ipv4.vs.": "ip_vs",
    "sunrpc.": "sunrpc",
}
"""Modules without which the kernel does not have the sysctls whose names begin so."""


class System(Model):
    """Kernel and systemd settings of every host; the defaults are the guide's."""

    sysctl: Sysctls = Field(
        SYSCTLS_OF_THE_GUIDE,
        description="Kernel settings by name, now and after a reboot, beside those of the default; `null` leaves a"
        " setting as the system has it",
    )
    modules: tuple[Module, ...] = Field(
        MODULES_OF_THE_GUIDE,
        description="Kernel modules that are loaded, now and after a reboot, beside those of the default and those that"
        " the stack's sysctls need",
    )
    default_timeout_stop_sec: int = Field(
        5,
        ge=1,
        le=LARGEST,
        description="Seconds that systemd lets a unit take to stop, so that no reboot hangs on shims",
    )
    minimum_free_disk_mib: int = Field(
        4096,
        ge=0,
        le=LARGEST,
        description="MiB that the file system of /var/lib/containerd must have free before installation, and a quarter"
        " of it each other one of /var, /var/lib/kubelet and /var/lib/etcd",
    )
    minimum_memory_mib: int = Field(
        1700,
        ge=0,
        le=LARGEST,
        description="MiB of memory that a control plane must have; the default is kubeadm's",
    )

    @field_validator("sysctl")
    @classmethod
    def _beside_those_of_the_guide(cls, value: Sysctls) -> Sysctls:
        """A stack that names one setting of its own keeps the settings that kubeadm and Calico need."""
        return {**SYSCTLS_OF_THE_GUIDE, **value}


class Policy(Model):
    """Limits of drains and upgrades, and permission to reset machines."""

    drain_timeout_seconds: int = Field(
        300,
        ge=1,
        le=LARGEST,
        description="Seconds within which a node must be drained before its upgrade or removal",
    )
    max_unavailable: int = Field(
        1, ge=1, le=LARGEST, description="Number of workers that are drained and upgraded at once"
    )
    reset_on_failure: bool = Field(False, description="Reset a machine whose init or join by this stack was cut short")
    reset_on_destroy: bool = Field(False, description="`pulumi destroy` resets the machines instead of forgetting them")
