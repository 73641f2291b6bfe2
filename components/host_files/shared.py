"""The files that several hosts have alike, in the order of a preview."""

from __future__ import annotations

from components.host_files import apt, containerd
from components.host_files.file import File
from components.host_files.proxy import proxy_files
from components.host_files.system import system_files
from components.settings import Host, Settings


def shared_files(host: Host, settings: Settings) -> list[File]:
    """The files that the step `prepare` puts on a host, but for kubeadm's configuration, which names the host."""
    return [
        *system_files(host, settings),
        *apt.repository_files(settings),
        *proxy_files(settings),
        *containerd.configuration_files(settings),
        *containerd.registry_files(settings),
    ]
