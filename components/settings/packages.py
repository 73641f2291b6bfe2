"""Sources of packages and images."""

from __future__ import annotations

import base64
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, StringConstraints, model_validator

from components.settings import _patterns
from components.settings._types import (
    DnsLabel,
    Fingerprint,
    HttpUrl,
    ImageName,
    ImagePrefix,
    Model,
    Registry,
    ServerUrl,
    TextFile,
)

DISTRIBUTIONS_CONTAINERD, DOCKERS_CONTAINERD = "containerd", "containerd.io"
"""Names of the package of containerd."""


class AptRepository(Model):
    """A signed apt repository."""

    url: ServerUrl = Field(
        description="Address; `{minor}` becomes the Kubernetes minor version, such as 1.36, `{distribution}` becomes"
        " `debian` or `ubuntu`, as the host is"
    )
    suite: str = Field(
        "/",
        pattern=_patterns.SUITE,
        description="Suite; `/` for a flat repository; `{codename}` becomes the release of the host, such as `trixie`",
    )
    components: tuple[Annotated[str, StringConstraints(pattern=_patterns.COMPONENT)], ...] = Field(
        (), description="Components; empty for a flat repository"
    )
    keyring: HttpUrl | TextFile = Field(description="Public key: a file beside Pulumi.yaml, or a URL")
    fingerprint: Fingerprint | Annotated[tuple[Fingerprint, ...], Field(min_length=1)] = Field(
        description="Fingerprint of the primary key, or a list: apt trusts these keys of the keyring, and no other"
    )
    ca_file: TextFile | None = Field(
        None,
        description="Certificate of the authority that signed the certificate of the repository's server, in PEM; apt"
        " trusts it for that server alone, and there trusts no other",
    )
    username: str | None = Field(
        None,
        pattern=_patterns.REPOSITORY_USER,
        description="User of the login at the repository's server; none for a repository without login",
    )
    password_key: str = Field(
        "repositoryPassword",
        pattern=_patterns.SETTING,
        description="Name of the stack's secret that holds the password: `pulumi config set --secret NAME`",
    )

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of all keys that sign the repository."""
        return (self.fingerprint,) if isinstance(self.fingerprint, str) else self.fingerprint

    def address(self, kubernetes_version: str) -> str:
        """The address on hosts of a Kubernetes version."""
        return self.url.replace("{minor}", kubernetes_version.rpartition(".")[0])

    def is_same_as(self, other: AptRepository, kubernetes_version: str) -> bool:
        """True where apt takes both for one repository, with a single keyring: apt does not compare schemes."""
        addresses = (
            unquote(each.address(kubernetes_version), errors="surrogateescape").partition("://")[2]
            for each in (self, other)
        )
        first, second = (f"{address.removesuffix('/')}/" for address in addresses)
        return (first, self.suite) == (second, other.suite)

    def server(self, kubernetes_version: str) -> str:
        """The name of its server, without a port."""
        return urlsplit(self.address(kubernetes_version)).hostname or ""

    @model_validator(mode="after")
    def _is_known_by_its_certificate(self) -> Self:
        """apt names the server in a setting, where a colon would end the name. A password never travels in clear."""
        named = [name for name, value in (("caFile", self.ca_file), ("username", self.username)) if value]
        if named and (not self.url.startswith("https://") or ":" in self.server("")):
            raise ValueError(
                f"{' and '.join(named)} is for an address that begins with https:// and has a name of a server or IPv4"
            )
        return self

    @model_validator(mode="after")
    def _is_flat_or_has_components(self) -> Self:
        """sources.list(5): a suite that ends with `/` is a directory. An entry that is neither makes apt read none."""
        if self.suite.endswith("/") and self.components:
            raise ValueError(
                f"a flat repository has no components; remove them, or name a suite instead of {self.suite}"
            )
        if not self.suite.endswith("/") and not self.components:
            raise ValueError(
                f"suite {self.suite} needs components, such as `main`; the suite of a flat repository is `/`"
            )
        return self


PUBLIC_KUBERNETES_REPOSITORY = AptRepository(
    url="https://pkgs.k8s.io/core:/stable:/v{minor}/deb/",
    keyring="https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key",
    fingerprint="DE15B14486CD377B9E876E1A234654DA9A296436",
)
"""https://kubernetes.io/blog/2023/08/15/pkgs-k8s-io-introduction/. The newest key signs all: release issue 3818."""


DOCKERS_REPOSITORY = AptRepository(
    url="https://download.docker.com/linux/{distribution}",
    suite="{codename}",
    components=("stable",),
    keyring="https://download.docker.com/linux/debian/gpg",
    fingerprint="9DC858229FC7DD38854AE2D88D81803C0EBFCD88",
)
"""One key signs for Debian and for Ubuntu: https://docs.docker.com/engine/install/debian/ and .../ubuntu/."""


class Packages(Model):
    """kubeadm, kubelet, kubectl."""

    repository: AptRepository = Field(PUBLIC_KUBERNETES_REPOSITORY, description="The public repository by default")

    @property
    def are_public(self) -> bool:
        """True where hosts reach the public repository, so that they reach Docker's, too."""
        return urlsplit(self.repository.url).netloc == urlsplit(PUBLIC_KUBERNETES_REPOSITORY.url).netloc


class RegistryAccess(Model):
    """Certificate authority, login and mirrors of an image registry."""

    ca_file: TextFile | None = Field(
        None, description="Certificate of the authority that signed the registry's certificate"
    )
    username: str | None = Field(
        None, pattern=_patterns.REGISTRY_USER, description="User of the login; none for a registry without login"
    )
    password_key: str = Field(
        "registryPassword",
        pattern=_patterns.SETTING,
        description="Name of the stack's secret that holds the password: `pulumi config set --secret NAME`",
    )
    mirrors: tuple[ServerUrl, ...] = Field(
        (),
        description="Mirrors, tried in this order. A mirror whose host is one of `registries` gets the authority and"
        " the password of that one, and no other mirror gets a password; a path with `/v2/` in it is taken as it is",
    )

    def basic_auth(self, password: str) -> str:
        """User and password as a header of HTTP has them, and files of logins."""
        return base64.b64encode(f"{self.username}:{password}".encode()).decode()


def server_of(registry: Registry) -> str:
    """The URL of a registry."""
    return f"https://{'registry-1.docker.io' if registry == 'docker.io' else registry}"


def _host_of(url: str) -> str:
    """Host and port of a URL, without the port that its scheme has anyway."""
    scheme, host = urlsplit(url).scheme, urlsplit(url).netloc.lower()
    return host.removesuffix({"https": ":443", "http": ":80"}[scheme])


class Containerd(Model):
    """The container runtime."""

    package: str | None = Field(
        None,
        pattern=_patterns.PACKAGE,
        description="Package; without it and a repository a host keeps its package, and a new host gets the"
        f" distribution's `{DISTRIBUTIONS_CONTAINERD}`, or Docker's `{DOCKERS_CONTAINERD}` where Kubernetes needs"
        " containerd 2 and comes from the public repository",
    )
    repository: AptRepository | None = Field(
        None, description="Repository of the named package; none takes the repositories that hosts have"
    )
    pause_image: ImageName | None = Field(
        None, description="Pause image; kubeadm's by default; rewritten as every image"
    )
    registries: dict[Registry, RegistryAccess] = Field({}, description="Image registries by name")
    restrict_oom_score_adj: bool = Field(False, description="For machines that may not lower OOM scores")

    def registry_at(self, url: str) -> Registry | None:
        """The registry of the stack at the host of a mirror; None for any other host."""
        hosts = {_host_of(server_of(name)): name for name in self.registries}
        return hosts.get(_host_of(url))


class Images(Model):
    """Rewriting of image names, alike for everything that is pulled."""

    rewrite: dict[Registry, ImagePrefix] = Field(
        {}, description="Source registry to prefix: `registry.k8s.io: hub/gcr`"
    )
    pull_secret_namespaces: tuple[DnsLabel, ...] | dict[DnsLabel, tuple[Registry, ...]] = Field(
        (),
        description="Namespaces that get an image pull secret: a list, for all registries with a username, or a map to"
        " the registries of each",
    )

    def pull_secret_registries(self, namespace: str) -> tuple[str, ...] | None:
        """Registries whose passwords the pull secret of a namespace holds; None for all with a username."""
        return self.pull_secret_namespaces[namespace] if isinstance(self.pull_secret_namespaces, dict) else None

    def rewritten(self, image: str) -> str:
        """The name under which hosts pull an image; a name without a registry is Docker Hub's."""
        registry, path = registry_and_path(image)
        prefix = self.rewrite.get(registry)
        return f"{prefix}/{path}" if prefix else image


def registry_and_path(image: str) -> tuple[str, str]:
    """The registry of an image, and its path there; a name without a registry is Docker Hub's."""
    first, _, rest = image.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return "docker.io", image if rest else f"library/{image}"
