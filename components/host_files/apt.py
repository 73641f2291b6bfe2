"""Package repositories of a host, each trusted by its own key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import AptRepository, Settings

EFFECTS = (
    Effect("/etc/apt/sources.list.d/", "package lists are read anew"),
    Effect("/etc/apt/keyrings/", "package lists are read anew"),
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
    """The repository of Kubernetes, and the repository of containerd unless containerd is the distribution's."""
    minor = settings.cluster.kubernetes_version.rpartition(".")[0]
    found = [_repository("kubernetes", settings.packages.repository, minor)]
    if settings.containerd.repository:
        found.append(_repository("containerd", settings.containerd.repository, minor))
    return found


def repository_files(settings: Settings) -> list[File]:
    """The source lists of all repositories, and the keyrings that are files beside the stack file."""
    files = []
    for repository in repositories(settings):
        files += [repository.source, *([repository.keyring] if repository.keyring else [])]
    return files


def _repository(name: str, repository: AptRepository, minor: str) -> Repository:
    keyring_path = f"/etc/apt/keyrings/{name}.asc"
    url = repository.url.replace("{minor}", minor)
    entry = " ".join(["deb", f"[signed-by={keyring_path}]", url, repository.suite, *repository.components])
    local = isinstance(repository.keyring, Path)
    return Repository(
        source=File(f"/etc/apt/sources.list.d/{name}.list", entry + "\n"),
        keyring=File(keyring_path, repository.keyring.read_text()) if isinstance(repository.keyring, Path) else None,
        keyring_line=f"{keyring_path} {','.join(repository.fingerprints)} {'-' if local else repository.keyring}",
    )
