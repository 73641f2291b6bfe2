"""Package repositories of a host, each trusted by its own key."""

from __future__ import annotations

from collections.abc import Iterable
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


def repositories(settings: Settings, package_there: str | None = None) -> list[Repository]:
    """The repository of Kubernetes, and the repository of containerd where a host has one and it is another one.

    Args:
        settings: the settings of the stack.
        package_there: the package of containerd that an earlier update left on the host; None for a new host.
    """
    version, kubernetes = settings.cluster.kubernetes_version, settings.packages.repository
    containerd = settings.containerd_of(package_there).repository
    if containerd is None:
        return [_repository("kubernetes", kubernetes, version)]
    if containerd.is_same_as(kubernetes, version):
        # apt reads no list at all if a repository has two keyrings, be they alike: one entry is for both.
        components = tuple(dict.fromkeys((*kubernetes.components, *containerd.components)))
        return [_repository("kubernetes", kubernetes.model_copy(update={"components": components}), version)]
    return [_repository("kubernetes", kubernetes, version), _repository("containerd", containerd, version)]


def repository_files(repositories: Iterable[Repository]) -> list[File]:
    """The source lists of repositories, and the keyrings that are files beside the stack file.

    A source list may have `{distribution}` and `{codename}`, which scripts/lib/release.sh fills in on the host.
    """
    files = []
    for repository in repositories:
        files += [repository.source, *([repository.keyring] if repository.keyring else [])]
    return files


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
