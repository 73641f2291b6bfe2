"""The files of a host: those that other hosts have too, and its own, in the order of a preview."""

from __future__ import annotations

from components.host_files import apt, containerd, kubeadm
from components.host_files.backup import SERVICE, TIMER, backup_files
from components.host_files.file import File
from components.host_files.load_balancer import load_balancer_files
from components.host_files.proxy import proxy_files
from components.host_files.system import HOSTS_FILE, SYSCTLS, system_files
from components.settings import Host, Settings


def shared_files(host: Host, settings: Settings) -> list[File]:
    """The files that the step `prepare` puts on a host, and that other hosts have alike."""
    return [file for file in _prepared_files(host, settings) if not _is_own(file, host, settings)]


def own_files(host: Host, settings: Settings) -> list[File]:
    """The files that the step `prepare` puts on a host, and that name the host or have settings of the host alone."""
    return [file for file in _prepared_files(host, settings) if _is_own(file, host, settings)]


def _prepared_files(host: Host, settings: Settings) -> list[File]:
    return [
        *system_files(host, settings),
        *apt.repository_files(settings),
        *proxy_files(settings),
        *load_balancer_files(host, settings),
        *backup_files(host, settings),
        *containerd.configuration_files(settings),
        *containerd.registry_files(settings),
        kubeadm.configuration(host, settings),
    ]


def _is_own(file: File, host: Host, settings: Settings) -> bool:
    is_of_api = file.path == HOSTS_FILE and host.role == "control-plane" and settings.has_local_load_balancer
    names_host = file.path in {kubeadm.PATH, SERVICE, TIMER}
    return is_of_api or names_host or (file.path == SYSCTLS and bool(host.sysctl))
