"""The files of a host: those that other hosts have too, and its own, in the order of a preview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from components.host_files import apt, containerd, kubeadm, vip
from components.host_files.apt import Repository
from components.host_files.backup import SERVICE, TIMER, backup_files
from components.host_files.file import File
from components.host_files.load_balancer import load_balancer_files
from components.host_files.proxy import proxy_files
from components.host_files.serving_certificates import serving_certificates_files
from components.host_files.system import HOSTS_FILE, SYSCTLS, system_files
from components.host_files.vip import NO_HOSTS, vip_files
from components.settings import Host, Settings


class HostFiles(NamedTuple):
    """The files that the step `prepare` puts on a host.

    Attributes:
        own: those that name the host, or have settings of the host alone.
        shared: those that other hosts have alike.
    """

    own: list[File]
    shared: list[File]


def files_of(
    host: Host,
    settings: Settings,
    leaving: Mapping[str, str] = NO_HOSTS,
    *,
    comes: bool = False,
    repositories: Sequence[Repository] | None = None,
) -> HostFiles:
    """The files that the step `prepare` puts on a host.

    Args:
        host: the host.
        settings: the settings of the stack.
        leaving: addresses by name of control planes that leave in this update.
        comes: the host becomes a node in this update.
        repositories: package repositories of the host; those of a new host by default.
    """
    files = [
        *system_files(host, settings),
        *apt.repository_files(apt.repositories(settings) if repositories is None else repositories),
        *proxy_files(settings),
        *load_balancer_files(host, settings),
        *backup_files(host, settings),
        *serving_certificates_files(host),
        *vip_files(host, settings, leaving, comes=comes),
        *containerd.configuration_files(settings),
        *containerd.registry_files(settings),
        kubeadm.configuration(host, settings),
    ]
    own = [file for file in files if _is_own(file, host, settings)]
    return HostFiles(own, [file for file in files if not _is_own(file, host, settings)])


def _is_own(file: File, host: Host, settings: Settings) -> bool:
    is_of_api = file.path == HOSTS_FILE and host.role == "control-plane" and settings.has_local_load_balancer
    names_host = file.path in {kubeadm.PATH, vip.CONFIGURATION, SERVICE, TIMER}
    return is_of_api or names_host or (file.path == SYSCTLS and bool(host.sysctl))
