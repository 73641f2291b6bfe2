"""Package repositories of a host, each trusted by its own key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import AptRepository, Settings

AUTHORITIES = "/etc/apt/authorities"
AUTHORITIES_OF_APT = "/etc/apt/apt.conf.d/90pulumi-kubeadm-authorities"

EFFECTS = (
    Effect("/etc/apt/sources.list.d/", "package lists are read anew"),
    Effect("/etc/apt/keyrings/", "package lists are read anew"),
    Effect(f"{AUTHORITIES}/", "holds from the next package on, nothing restarts"),
    Effect(AUTHORITIES_OF_APT, "holds from the next package on, nothing restarts"),
)


@dataclass(frozen=True)
class Repository:
    """The files of an apt repository on a host."""

    source: File
    keyring: File | None
    """The file of the key; None where the host fetches the key."""
    keyring_line: str
    """A line for scripts/lib/keyrings.sh, which describes it."""


def repositories(settings: Settings) -> list[Repository]:
    """The repository of Kubernetes, and the repository of containerd where it is another one."""
    version = settings.cluster.kubernetes_version
    kubernetes, containerd = settings.packages.repository, settings.containerd.repository
    if containerd is None:
        return [_repository("kubernetes", kubernetes, version)]
    if containerd.is_same_as(kubernetes, version):
        # apt reads no list at all if a repository has two keyrings, be they alike: one entry is for both.
        components = tuple(dict.fromkeys((*kubernetes.components, *containerd.components)))
        return [_repository("kubernetes", kubernetes.model_copy(update={"components": components}), version)]
    return [_repository("kubernetes", kubernetes, version), _repository("containerd", containerd, version)]


def repository_files(settings: Settings) -> list[File]:
    """The source lists of all repositories, and the keyrings and authorities that are files beside the stack file."""
    files = _authority_files(settings)
    for repository in repositories(settings):
        files += [repository.source, *([repository.keyring] if repository.keyring else [])]
    return files


def _authority_files(settings: Settings) -> list[File]:
    """The authorities of each server, and the setting of apt that names them: for one server, and no other."""
    version, authorities = settings.cluster.kubernetes_version, dict[str, list[str]]()
    for each in (settings.packages.repository, settings.containerd.repository):
        if each and each.ca_file:
            known = authorities.setdefault(each.server(version), [])
            certificate = each.ca_file.read_text().strip() + "\n"
            known += [certificate] if certificate not in known else []
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
    )
