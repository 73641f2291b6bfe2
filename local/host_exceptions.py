"""Settings that a stack of local machines needs because of this host, whose kernel and disk they share.

No committed stack file has any of them: `make up` adds each to its copy where this host needs it, and says why.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.machines import storage

CAP_SYS_RESOURCE = 24
"""Number of the capability to raise limits and to lower OOM scores: capabilities(7)."""
EVERY_USER = ["0", "0", "4294967295"]
"""The line of /proc/self/uid_map outside of a user namespace."""
FIRST_MINOR_THAT_REFUSES_CGROUP_V1 = 35
"""The first minor version whose kubelet and kubeadm refuse cgroup v1."""
ROOMY_SHARE = 0.30
"""Free share of a disk that is far from kubelet's own threshold of 0.15, at which it evicts pods and deletes images."""
VERIFICATION = {"ignorePreflightErrors": ["SystemVerification"]}
ABSOLUTE_THRESHOLDS = {
    # With one threshold of a stack kubelet forgets its defaults, so memory has its own here.
    "evictionHard": {
        "memory.available": "100Mi",
        "nodefs.available": "1Gi",
        "nodefs.inodesFree": "0%",
        "imagefs.available": "1Gi",
    },
    "imageGCHighThresholdPercent": 100,
    "imageGCLowThresholdPercent": 99,
}


@dataclass(frozen=True)
class Host:
    """Facts of this host that local machines share.

    Attributes:
        has_cgroup_v2: /sys/fs/cgroup is cgroup v2 alone.
        has_kernel_configuration: the kernel tells its configuration where machines see it.
        is_user_namespace: root here is not root of the kernel, as in a rootless container.
        has_sys_resource: the bounding set of capabilities has CAP_SYS_RESOURCE. Privileged containers get no more.
        has_user_namespaces: the kernel knows user.max_user_namespaces.
        free_share: free share of the file system of the machines, 0 to 1.
    """

    has_cgroup_v2: bool
    has_kernel_configuration: bool
    is_user_namespace: bool
    has_sys_resource: bool
    has_user_namespaces: bool
    free_share: float


@dataclass(frozen=True)
class HostException:
    """Settings that this host needs.

    Attributes:
        name: name of the exception, which never changes.
        reason: fact of this host, and its consequence.
        settings: settings by section, as a stack file has them.
    """

    name: str
    reason: str
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        """The line that `make up` prints."""
        return f"  Added to the stack: {', '.join(_flat(self.settings))}; {self.reason}."


def this_host(root: Path = Path("/")) -> Host:
    """The facts of this host.

    Raises:
        StepError: podman does not say where machines have their disks.
    """
    bounding_set = next(
        line.split()[1] for line in (root / "proc/self/status").read_text().splitlines() if line.startswith("CapBnd:")
    )
    disk = shutil.disk_usage(storage())
    return Host(
        has_cgroup_v2=(root / "sys/fs/cgroup/cgroup.controllers").exists(),
        # A machine has neither /boot nor modules of this host, where kubeadm would look, too.
        has_kernel_configuration=(root / "proc/config.gz").exists(),
        is_user_namespace=(root / "proc/self/uid_map").read_text().split() != EVERY_USER,
        has_sys_resource=bool(int(bounding_set, 16) >> CAP_SYS_RESOURCE & 1),
        has_user_namespaces=(root / "proc/sys/user/max_user_namespaces").exists(),
        free_share=disk.free / disk.total,
    )


def exceptions(host: Host, kubernetes: str, kept: frozenset[str] = frozenset()) -> list[HostException]:
    """The exceptions that a stack needs on a host.

    Args:
        host: facts of the host.
        kubernetes: version of Kubernetes of the stack.
        kept: names of exceptions that the stack has already. An exception stays, because the free share of a disk
            varies, and each change would restart every kubelet.
    """
    return [each for is_needed, each in _all(host, kubernetes) if is_needed or each.name in kept]


def changed_sections(read: Mapping[str, Any], needed: list[HostException], *, project: str) -> dict[str, Any]:
    """The input of `config set-all --json` that adds exceptions to a stack file. The file's own values stay.

    Args:
        read: the stack file, as `pulumi config --json` prints it.
        needed: the exceptions.
        project: name of the project, before the colon of each section.
    """
    changed: dict[str, Any] = {}
    for exception in needed:
        for section, settings in exception.settings.items():
            key = f"{project}:{section}"
            before = changed.get(key) or read.get(key, {"objectValue": {}})
            # A section that is encrypted, or a text, is not for us to change: the program says what is wrong with it.
            if "objectValue" in before:
                value = _merged(before["objectValue"], settings)
                changed[key] = {"value": json.dumps(value), "objectValue": value, "secret": False}
    return changed


def _all(host: Host, kubernetes: str) -> Iterator[tuple[bool, HostException]]:
    """Every exception there is, after the answer whether a host needs it."""
    if int(kubernetes.split(".")[1]) >= FIRST_MINOR_THAT_REFUSES_CGROUP_V1:
        settings = {"cluster": {**VERIFICATION, "kubeletConfiguration": {"failCgroupV1": False}}}
        reason = f"this host has cgroup v1, which kubeadm and kubelet {kubernetes} refuse"
        yield not host.has_cgroup_v2, HostException("cgroup-v1", reason, settings)
    yield (
        not host.has_kernel_configuration,
        HostException(
            "kernel-configuration",
            "the kernel of this host has no /proc/config.gz, and machines have nothing else where kubeadm looks for it",
            {"cluster": VERIFICATION},
        ),
    )
    share = f"{host.free_share:.0%} now"
    yield (
        host.free_share < ROOMY_SHARE,
        HostException(
            "disk",
            f"the free share of the disk of the machines, {share}, is or was below 30%, and kubelet evicts pods at 15%",
            {"cluster": {"kubeletConfiguration": ABSOLUTE_THRESHOLDS}},
        ),
    )
    yield from _of_rights(host)


def _of_rights(host: Host) -> Iterator[tuple[bool, HostException]]:
    """Exceptions for rights that root of a machine lacks where root of this host lacks them."""
    yield (
        host.is_user_namespace,
        HostException(
            "user-namespace",
            "this host is in a user namespace, where kubelet may not change the kernel's settings",
            {"cluster": {"kubeletConfiguration": {"featureGates": {"KubeletInUserNamespace": True}}}},
        ),
    )
    yield (
        host.is_user_namespace or not host.has_sys_resource,
        HostException(
            "out-of-memory-score",
            "without CAP_SYS_RESOURCE, which root of this host lacks, nothing is spared when memory runs out",
            {"containerd": {"restrictOomScoreAdj": True}},
        ),
    )
    yield (
        not (host.has_sys_resource and host.has_user_namespaces),
        HostException(
            "user-sysctl",
            "root of this host lacks CAP_SYS_RESOURCE to set it, or the kernel has no user namespaces",
            {"system": {"sysctl": {"user.max_user_namespaces": None}}},
        ),
    )


def _merged(value: Any, addition: Any) -> Any:
    """Mappings and lists come together; of two other values the one of the file stays."""
    if isinstance(value, Mapping) and isinstance(addition, Mapping):
        return {**addition, **{key: _merged(each, addition.get(key)) for key, each in value.items()}}
    if isinstance(value, list) and isinstance(addition, list):
        return [*value, *(each for each in addition if each not in value)]
    return value


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """A text for each value, such as `cluster.kubeletConfiguration.failCgroupV1: false`."""
    for key, value in settings.items():
        path = above + (f'["{key}"]' if "." in key else f"{'.' if above else ''}{key}")
        if isinstance(value, Mapping):
            yield from _flat(value, path)
        else:
            yield f"{path}: {json.dumps(value)}"
