"""Configuration of containerd 1.4, of Debian 11, which holds the registries and their passwords.

containerd 1.4 silently ignores the `config_path` of newer versions; containerd/cri/docs/registry.md of 1.19 has its own
format. This module may be deleted with the support of Kubernetes 1.25: kubelet 1.26 does not run on containerd 1.4.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Registry, Settings

CRI_WITH_PASSWORDS = "/etc/containerd/cri-with-passwords.toml"
EFFECTS = (Effect(CRI_WITH_PASSWORDS, "containerd 1.4 restarts, newer ones do not; pods keep running"),)
SECTION = '[plugins."io.containerd.grpc.v1.cri".registry'


def configuration_file(path: str, cri: str, settings: Settings, servers: Mapping[Registry, str]) -> File:
    """The main configuration file.

    Args:
        path: path of the file.
        cri: the section of the CRI plugin, without the registries.
        settings: the settings of the stack.
        servers: URL of each registry.
    """
    # A pattern, because containerd stops if a file with a full name is missing.
    imports = f'imports = ["{CRI_WITH_PASSWORDS.replace(".toml", "*.toml")}"]\n'
    return File(path, imports + cri + _registries(settings, servers, {}))


def credential_file(
    cri: str, settings: Settings, servers: Mapping[Registry, str], passwords: Mapping[Registry, str]
) -> File:
    """The file that replaces the whole section of the CRI plugin: containerd does not merge sections of files."""
    return File(CRI_WITH_PASSWORDS, cri + _registries(settings, servers, passwords), mode="0600")


def _registries(settings: Settings, servers: Mapping[Registry, str], passwords: Mapping[Registry, str]) -> str:
    registry_of_host: dict[str, Registry] = {}
    lines: list[str] = []
    for name, access in settings.containerd.registries.items():
        if access.mirrors:
            endpoints = [_endpoint(url) for url in (*access.mirrors, servers[name])]
            lines += ["", f'{SECTION}.mirrors."{name}"]', f"  endpoint = {json.dumps(endpoints)}"]
        # A host that is a registry and a mirror of another registry gets the settings of its own registry.
        registry_of_host[urlsplit(servers[name]).netloc] = name
        for url in access.mirrors:
            registry_of_host.setdefault(urlsplit(url).netloc, name)
    for host, name in registry_of_host.items():
        lines += _access(host, name, settings, passwords.get(name) if host == urlsplit(servers[name]).netloc else None)
    return "".join(f"{line}\n" for line in lines)


def _access(host: str, registry: Registry, settings: Settings, password: str | None) -> Iterator[str]:
    access = settings.containerd.registries[registry]
    if access.ca_file:
        yield from ("", f'{SECTION}.configs."{host}".tls]', f'  ca_file = "/etc/containerd/certs.d/{registry}/ca.crt"')
    if password is not None:
        yield from ("", f'{SECTION}.configs."{host}".auth]')
        yield from (f"  username = {_quoted(access.username or '')}", f"  password = {_quoted(password)}")


def _endpoint(url: str) -> str:
    """The URL with the API version of the registry, which newer containerd adds by itself."""
    address = url.rstrip("/")
    path = urlsplit(address).path
    return address if not path or path.endswith("/v2") or has_api_path(url) else f"{address}/v2"


def has_api_path(url: str) -> bool:
    """True for a URL whose path goes on after the `/v2/` of a registry's API, as a proxy cache of Harbor has it."""
    return "/v2/" in urlsplit(url.rstrip("/")).path


def _quoted(text: str) -> str:
    """A basic string of TOML: a string of JSON, with DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
