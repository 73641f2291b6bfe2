"""Package repositories of a host, each trusted by its own key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import AptRepository, Settings

AUTHORITIES = "/etc/apt/authorities"
AUTHORITIES_OF_APT = "/etc/apt/apt.conf.d/90pulumi-kubeadm-authorities"
LOGINS = "/etc/apt/auth.conf.d/90pulumi-kubeadm.conf"

EFFECTS = (
    Effect("/etc/apt/sources.list.d/", "package lists are read anew"),
    Effect("/etc/apt/keyrings/", "package lists are read anew"),
    Effect(f"{AUTHORITIES}/", "holds from the next package on, nothing restarts"),
    Effect(AUTHORITIES_OF_APT, "holds from the next package on, nothing restarts"),
    Effect(LOGINS, "holds from the next package on, nothing restarts"),
)


@dataclass(frozen=True)
class Repository:
    """The files of an apt repository on a host."""

    source: File
    keyring: File | None
    """The file of the key; None where the host fetches the key."""
    keyring_line: str
    """A line for scripts/lib/keyrings.sh, which describes the format."""
    server: str
    """Name of the server, without a port."""
    authorities: tuple[str, ...]
    """The certificates of the server's authorities, in PEM; empty for a server that every machine trusts."""


def repositories(settings: Settings, package_there: str | None = None) -> list[Repository]:
    """The repository of Kubernetes, and the repository of containerd, if there is another one.

    Args:
        settings: the settings of the stack.
        package_there: the package of containerd that an earlier update left on the host; None for a new host.
    """
    version, kubernetes = settings.cluster.kubernetes_version, settings.packages.repository
    containerd = settings.containerd_of(package_there).repository
    if containerd is None:
        return [_repository("kubernetes", kubernetes, version)]
    if containerd.is_same_as(kubernetes, version):
        # apt reads no list at all if a repository has two keyrings, even equal ones: so one entry serves both.
        components = tuple(dict.fromkeys((*kubernetes.components, *containerd.components)))
        one = _repository("kubernetes", kubernetes.model_copy(update={"components": components}), version)
        return [replace(one, authorities=(*one.authorities, *_authorities(containerd)))]
    return [_repository("kubernetes", kubernetes, version), _repository("containerd", containerd, version)]


def repository_files(repositories: Iterable[Repository]) -> list[File]:
    """The source lists of repositories, and the keyrings and authorities that are files beside the stack file.

    A source list may have `{distribution}` and `{codename}`, which scripts/lib/release.sh fills in on the host.
    """
    repositories = list(repositories)
    files = _authority_files(repositories)
    for repository in repositories:
        files += [repository.source, *([repository.keyring] if repository.keyring else [])]
    return files


def leaves_release(source: File) -> bool:
    """True where a source list names the packages of the release that each host has."""
    return "{distribution}" in source.content or "{codename}" in source.content


def login_files(settings: Settings, passwords: Mapping[str, str]) -> list[File]:
    """The passwords of package repositories, in the form that apt and curl read; none without a login.

    Args:
        settings: the settings of the stack.
        passwords: password by server.
    """
    version = settings.cluster.kubernetes_version
    lines = [
        # apt compares the name as the source list has it. A name without a port is that of each port, with TLS alone.
        f"machine {urlsplit(repository.address(version)).netloc.partition(':')[0]} login {repository.username}"
        f" password {passwords[server]}\n"
        for server, repository in settings.repository_logins.items()
    ]
    return [File(LOGINS, "".join(lines), mode="0600")] if lines else []


def _authority_files(repositories: Iterable[Repository]) -> list[File]:
    """The authorities of each server, and the setting of apt that names them: for one server, and no other."""
    authorities = dict[str, dict[str, None]]()
    for repository in repositories:
        if repository.authorities:
            authorities.setdefault(repository.server, {}).update(dict.fromkeys(repository.authorities))
    files = [File(f"{AUTHORITIES}/{server}.crt", "".join(known)) for server, known in authorities.items()]
    lines = "".join(f'Acquire::https::{server}::CaInfo "{AUTHORITIES}/{server}.crt";\n' for server in authorities)
    return [*files, *([File(AUTHORITIES_OF_APT, lines)] if files else [])]


def _repository(name: str, repository: AptRepository, version: str) -> Repository:
    keyring_path = f"/etc/apt/keyrings/{name}.asc"
    address = repository.address(version)
    entry = " ".join(["deb", f"[signed-by={keyring_path}]", address, repository.suite, *repository.components])
    local = isinstance(repository.keyring, Path)
    return Repository(
        source=File(f"/etc/apt/sources.list.d/{name}.list", entry + "\n"),
        keyring=File(keyring_path, repository.keyring.read_text()) if isinstance(repository.keyring, Path) else None,
        keyring_line=f"{keyring_path} {','.join(repository.fingerprints)} {'-' if local else repository.keyring}",
        server=repository.server(version),
        authorities=_authorities(repository),
    )


def _authorities(repository: AptRepository) -> tuple[str, ...]:
    return (repository.ca_file.read_text().strip() + "\n",) if repository.ca_file else ()
