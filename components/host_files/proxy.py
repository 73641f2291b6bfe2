"""The proxy settings of apt and containerd."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Settings

APT = "/etc/apt/apt.conf.d/90pulumi-kubeadm-proxy"
CONTAINERD = "/etc/systemd/system/containerd.service.d/pulumi-kubeadm-proxy.conf"

EFFECTS = (
    Effect(APT, "holds from the next package on, nothing restarts"),
    Effect(CONTAINERD, "containerd restarts, pods keep running"),
)


def proxy_files(settings: Settings) -> list[File]:
    """A file for apt and a file for containerd; an empty list without a proxy."""
    variables = proxy_variables(settings)
    if not variables:
        return []
    proxy = settings.proxy
    apt = [
        f'Acquire::{scheme}::Proxy "{url}";\n' for scheme, url in (("http", proxy.http), ("https", proxy.https)) if url
    ]
    # apt accepts hosts only, and no networks, domains or ports: apt.conf(5), "DIRECT". `::` would end the name.
    hosts = [name for name in proxy.no_proxy if not name.startswith((".", "*")) and not {"/", ":"} & set(name)]
    hosts = list(dict.fromkeys((*hosts, *_direct_servers(settings))))
    apt += [f'Acquire::{scheme}::Proxy::{host} "DIRECT";\n' for host in hosts for scheme in ("http", "https")]
    # systemd reads "%" as the beginning of a specifier; no value has one.
    unit = ["[Service]\n", *(f'Environment="{name.upper()}={value}"\n' for name, value in variables.items())]
    return [File(APT, "".join(apt)), File(CONTAINERD, "".join(unit))]


def _direct_servers(settings: Settings) -> list[str]:
    """The servers of the stack's package repositories that a domain or a network of `noProxy` names."""
    repositories = (settings.packages.repository, settings.containerd.repository)
    servers = [each.server(settings.cluster.kubernetes_version) for each in repositories if each]
    # A name with a colon, or with a placeholder that a host fills in, is left out.
    names = [each for each in servers if not set(":{") & set(each)]
    return [each for each in names if any(_covers(entry, each) for entry in settings.proxy.no_proxy)]


def _covers(entry: str, server: str) -> bool:
    """True where a `.domain`, `*.domain` or network has the server in it."""
    try:
        return IPv4Address(server) in IPv4Network(entry, strict=False)
    except ValueError:
        domain = entry.lower().removeprefix("*")
        return entry == "*" or (domain.startswith(".") and server.endswith(domain))


def proxy_variables(settings: Settings) -> dict[str, str]:
    """The proxy variables of programs, in lower case, which curl requires; empty without a proxy."""
    proxy, networking = settings.proxy, settings.cluster.networking
    urls = {"http_proxy": proxy.http, "https_proxy": proxy.https}
    set_urls = {name: url for name, url in urls.items() if url}
    if not set_urls:
        return {}
    always = ["localhost", "127.0.0.0/8", str(networking.pod_subnet), str(networking.service_subnet)]
    # curl knows `.domain`, and takes `*.domain` for the name of a host.
    direct = [f".{name.removeprefix('*.')}" if name.startswith("*.") else name for name in proxy.no_proxy]
    return {**set_urls, "no_proxy": ",".join([*always, *direct])}
