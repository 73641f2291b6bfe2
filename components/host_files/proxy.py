"""The proxy settings of apt and containerd."""

from __future__ import annotations

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
    apt += [f'Acquire::{scheme}::Proxy::{host} "DIRECT";\n' for host in hosts for scheme in ("http", "https")]
    # systemd reads "%" as the beginning of a specifier; no value has one.
    unit = ["[Service]\n", *(f'Environment="{name.upper()}={value}"\n' for name, value in variables.items())]
    return [File(APT, "".join(apt)), File(CONTAINERD, "".join(unit))]


def proxy_variables(settings: Settings) -> dict[str, str]:
    """The proxy variables of programs, in lower case, which curl requires; empty without a proxy."""
    proxy, networking = settings.proxy, settings.cluster.networking
    urls = {"http_proxy": proxy.http, "https_proxy": proxy.https}
    set_urls = {name: url for name, url in urls.items() if url}
    if not set_urls:
        return {}
    always = ["localhost", "127.0.0.0/8", str(networking.pod_subnet), str(networking.service_subnet)]
    return {**set_urls, "no_proxy": ",".join([*always, *proxy.no_proxy])}
