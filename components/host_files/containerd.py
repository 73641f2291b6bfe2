"""Configuration of containerd, in the formats of its major versions 1 and 2, and of its registries."""

from __future__ import annotations

from collections.abc import Mapping

from components.host_files import containerd_1_4
from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Registry, Settings
from components.settings.packages import server_of
from components.settings.versions import oldest_containerd

CONFIG = "/etc/containerd/config.toml"
CERTIFICATES = "/etc/containerd/certs.d"
SOCKET = "unix:///run/containerd/containerd.sock"
CRICTL_FILE = "/etc/crictl.yaml"

EFFECTS = (
    # A host reads the file in the format of its containerd.
    *(
        Effect(f"{CONFIG}.{version}", "containerd restarts, pods keep running", shown=CONFIG)
        for version in ("1", "1.4", "2")
    ),
    Effect(f"{CERTIFICATES}/", "holds from the next pull on, nothing restarts"),
    Effect(CRICTL_FILE, "nothing restarts"),
)

# `version = 2` is read by 1.3 to 1.7, `version = 3` by every 2.x: containerd/docs/cri/config.md. The file of
# Docker's package is always replaced: it disables the CRI plugin (containerd issue 8139). Debian 13's 1.7 looks for CNI
# plugins in /usr/lib/cni by itself, where neither Kubernetes' package nor Calico puts them.
DROP_INS = "/etc/containerd/conf.d/*.toml"
"""Files of others, such as the runtime of a GPU, which nvidia-ctk writes there; containerd itself looks nowhere."""
IMPORTS = f'imports = ["{DROP_INS}"]\n'
CRI_1 = """\
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause_image}"
  restrict_oom_score_adj = {restrict_oom_score_adj}

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/opt/cni/bin"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
"""
CERTIFICATES_1 = """
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{certificates}"
"""
CONFIG_2 = """\
version = 3

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause_image}"

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "{certificates}"

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = {restrict_oom_score_adj}

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = true
"""
CRICTL = f"""\
runtime-endpoint: {SOCKET}
image-endpoint: {SOCKET}
timeout: 10
"""


def configuration_files(settings: Settings) -> list[File]:
    """The configuration of containerd in each format that a host may need, and the configuration of crictl."""
    values = _values(settings)
    files = [
        # IMPORTS comes before the tables: a line behind a table is a part of the table.
        File(f"{CONFIG}.1", IMPORTS + (CRI_1 + CERTIFICATES_1).format(**values)),
        File(f"{CONFIG}.2", IMPORTS + CONFIG_2.format(**values)),
        File(CRICTL_FILE, CRICTL),
    ]
    if _may_be_1_4(settings):
        files.append(
            containerd_1_4.configuration_file(f"{CONFIG}.1.4", CRI_1.format(**values), settings, _servers(settings))
        )
    return files


def registry_files(settings: Settings) -> list[File]:
    """CA certificates of the registries, and the hosts.toml of each registry without a password."""
    files = []
    for name, access in settings.containerd.registries.items():
        if access.ca_file:
            files.append(File(_ca_path(name), access.ca_file.read_text()))
        if not _sends_password(name, settings):
            files.append(File(_hosts_path(name), _hosts_toml(name, settings, {})))
    return files


def registries_with_password(settings: Settings) -> list[Registry]:
    """Names of the registries with a login."""
    return [name for name, access in settings.containerd.registries.items() if access.username]


def credential_files(settings: Settings, passwords: Mapping[Registry, str]) -> list[File]:
    """The hosts.toml of each registry with a password, or a mirror with one: a header, which containerd 1.5 sends.

    containerd's older `registry.configs.*.auth` is deprecated, and ignored by the transfer service of 2.1 and later.
    """
    files = [
        File(_hosts_path(name), _hosts_toml(name, settings, passwords), mode="0600")
        for name in settings.containerd.registries
        if _sends_password(name, settings)
    ]
    if files and _may_be_1_4(settings):
        cri = CRI_1.format(**_values(settings))
        files.append(containerd_1_4.credential_file(cri, settings, _servers(settings), passwords))
    return files


def _may_be_1_4(settings: Settings) -> bool:
    return oldest_containerd(settings.cluster.kubernetes_version) == (1, 4)


def _values(settings: Settings) -> dict[str, str]:
    return {
        "pause_image": settings.pause_image,
        "restrict_oom_score_adj": str(settings.containerd.restrict_oom_score_adj).lower(),
        "certificates": CERTIFICATES,
    }


def _servers(settings: Settings) -> dict[Registry, str]:
    return {name: server_of(name) for name in settings.containerd.registries}


def _hosts_path(registry: Registry) -> str:
    return f"{CERTIFICATES}/{registry}/hosts.toml"


def _ca_path(registry: Registry) -> str:
    return f"{CERTIFICATES}/{registry}/ca.crt"


def _addresses(registry: Registry, settings: Settings) -> tuple[str, ...]:
    """The URLs from which a host pulls the images of a registry, in their order."""
    return tuple(dict.fromkeys((*settings.containerd.registries[registry].mirrors, server_of(registry))))


def _sends_password(registry: Registry, settings: Settings) -> bool:
    """True where a pull of an image of the registry needs a password: its own, or that of a mirror."""
    containerd = settings.containerd
    owners = (containerd.registry_at(url) for url in _addresses(registry, settings))
    return any(owner and containerd.registries[owner].username for owner in owners)


def _hosts_toml(registry: Registry, settings: Settings, passwords: Mapping[Registry, str]) -> str:
    lines = [f'server = "{server_of(registry)}"']
    for url in _addresses(registry, settings):
        # A mirror that the stack does not know as a registry has the authority of this one, and no password.
        owner = settings.containerd.registry_at(url)
        access = settings.containerd.registries[owner or registry]
        lines += ["", f'[host."{url}"]', '  capabilities = ["pull", "resolve"]']
        if containerd_1_4.has_api_path(url):
            lines.append("  override_path = true")  # otherwise containerd appends another /v2
        if access.ca_file:
            lines.append(f'  ca = "{_ca_path(owner or registry)}"')
        if owner and access.username and owner in passwords:
            header = f'    Authorization = ["Basic {access.basic_auth(passwords[owner])}"]'
            lines += [f'  [host."{url}".header]', header]
    return "\n".join(lines) + "\n"
