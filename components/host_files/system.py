"""Files of the operating system: host names, kernel modules, sysctls, systemd."""

from __future__ import annotations

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Host, Settings

HOSTS_FILE = "/etc/hosts"
MODULES = "/etc/modules-load.d/kubernetes.conf"
SYSCTLS = "/etc/sysctl.d/99-kubernetes.conf"
SYSTEMD = "/etc/systemd/system.conf.d/kubernetes.conf"
LOOPBACK = "127.0.0.1"

EFFECTS = (
    Effect(HOSTS_FILE, "kube-proxy restarts where the address of the API server changes, otherwise nothing"),
    Effect(MODULES, "modules are loaded at once"),
    Effect(SYSCTLS, "holds at once, nothing restarts"),
    Effect(SYSTEMD, "systemd reads it at once"),
)


def api_line(host: Host, settings: Settings) -> str:
    """The line of /etc/hosts that leads to the API by the endpoint's name; empty where name servers know the name.

    A control plane uses its own API server, and a worker its load balancer, or the only control plane.
    """
    if not settings.name_in_hosts_files:
        return ""
    address = str(settings.living_control_planes[0].internal_ip)
    if settings.has_local_load_balancer:
        address = str(host.internal_ip) if host.role == "control-plane" else LOOPBACK
    return f"{address}\t{settings.name_in_hosts_files}\n"


def system_files(host: Host, settings: Settings) -> list[File]:
    """The files of the operating system, alike for every role."""
    system = settings.system
    names = "".join(f"{each.internal_ip}\t{each.name}\n" for each in settings.hosts.values() if not each.gone)
    sysctls = "".join(f"{name} = {value}\n" for name, value in settings.sysctls(host).items())
    return [
        File(HOSTS_FILE, names + api_line(host, settings)),
        File(MODULES, "".join(f"{module}\n" for module in settings.modules)),
        File(SYSCTLS, sysctls),
        File(SYSTEMD, f"[Manager]\nDefaultTimeoutStopSec={system.default_timeout_stop_sec}s\n"),
    ]
