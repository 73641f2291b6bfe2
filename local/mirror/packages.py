"""Debian packages: Kubernetes as its own package repository lays it out, and containerd as Docker's does."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local.commands import run
from local.mirror import programs, versions
from local.mirror.content import FILES, Content, combined_key, content_key, own_file, program
from local.paths import MIRROR

WEB = MIRROR / "www"
"""Root of the mirror's web server."""

REVISION = "1.1"
"""Debian revision of Kubernetes' packages, as in 1.36.3-1.1."""

CNI_DIRECTORY = "/opt/cni/bin"


@dataclass(frozen=True)
class Package:
    """A Debian package for amd64.

    Attributes:
        directory: the package repository of the package, under WEB.
        relations: further fields of the control file, such as Depends.
        directories: empty directories of the package.
        settings: files that an administrator may change.
        after_install: name of the postinst script under `files`.
    """

    name: str
    version: str
    description: str
    directory: Path
    contents: tuple[Content, ...]
    relations: tuple[tuple[str, str], ...] = ()
    directories: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    after_install: str | None = None

    @property
    def file(self) -> Path:
        """Path of the package file."""
        return self.directory / f"{self.name}_{self.version.replace(':', '%3a')}_amd64.deb"

    @property
    def key(self) -> str:
        """Key of the package's content."""
        script = (FILES / self.after_install).read_text() if self.after_install else ""
        return combined_key(self.control(), self.directories, self.settings, script, content_key(self.contents))

    def control(self) -> str:
        """The control file."""
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": "amd64",
            "Maintainer": "Local mirror <mirror@example.test>",
            "Section": "admin",
            "Priority": "optional",
            **dict(self.relations),
            "Description": f"{self.description} (built by the local mirror)",
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())

    def is_built(self) -> bool:
        """True where the file exists and was built from the current content."""
        return self.file.exists() and self._stamp.exists() and self._stamp.read_text() == self.key

    def build(self) -> None:
        """Build the package into its directory; a package of the same version is replaced.

        Raises:
            StepError: a program of the package does not build.
        """
        MIRROR.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=MIRROR, prefix=".package-") as scratch:
            root = Path(scratch) / "root"
            self._lay_out(root)
            unfinished = Path(scratch) / self.file.name
            # Uncompressed: packages travel over a bridge of this host only, and unpack in a third of the time.
            build: list[str | Path] = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", root, unfinished]
            run(build, step=f"build the package {self.name}", log="packages")
            self.directory.mkdir(parents=True, exist_ok=True)
            self._stamp.unlink(missing_ok=True)
            unfinished.rename(self.file)
        self._stamp.write_text(self.key)

    @property
    def _stamp(self) -> Path:
        return self.directory / f".{self.file.name}.key"

    def _lay_out(self, root: Path) -> None:
        for directory in ("", "/DEBIAN", *self.directories):
            _readable_directory(root, directory)
        for content in self.contents:
            for target, path in content.files():
                _readable_directory(root, str(Path(target).parent))
                shutil.copyfile(path, root / target[1:])
                (root / target[1:]).chmod(content.mode)
        (root / "DEBIAN/control").write_text(self.control())
        if self.settings:
            (root / "DEBIAN/conffiles").write_text("".join(f"{path}\n" for path in self.settings))
        if self.after_install:
            shutil.copyfile(FILES / self.after_install, root / "DEBIAN/postinst")
            (root / "DEBIAN/postinst").chmod(0o755)


def _readable_directory(root: Path, directory: str) -> None:
    """Create a directory and its parents with mode 0755, whatever the umask of this host."""
    path = root
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    for part in Path(directory).parts:
        if part != "/":
            path /= part
            path.mkdir(exist_ok=True)
            path.chmod(0o755)


def kubernetes_directory(version: str) -> Path:
    """Package repository of a Kubernetes version; a repository per minor version, as pkgs.k8s.io has."""
    return WEB / "core:" / "stable:" / f"v{version.rpartition('.')[0]}" / "deb"


CONTAINERD_DIRECTORY = WEB / "containerd" / "deb"


def all_packages(version: str) -> list[Package]:
    """Every package that the mirror serves with a Kubernetes version."""
    return [*_kubernetes(version), _containerd()]


def _kubernetes(version: str) -> list[Package]:
    built = {each.name: each for each in [*programs.kubernetes(version), *programs.others()]}
    repository = kubernetes_directory(version)
    package_version = f"{version}-{REVISION}"
    plugins = [path.partition("/")[2] for path in programs.CNI_PLUGIN_PACKAGES]
    return [
        Package(
            *("kubeadm", package_version, "Sets up and joins Kubernetes nodes", repository),
            (program(built["kubeadm"], "/usr/bin/kubeadm"),),
            (("Depends", f"cri-tools (>= {versions.CRI_TOOLS})"),),
        ),
        Package(
            *("kubelet", package_version, "Runs pods on a Kubernetes node", repository),
            (
                program(built["kubelet"], "/usr/bin/kubelet"),
                own_file("kubelet.service", "/usr/lib/systemd/system/kubelet.service"),
                own_file("10-kubeadm.conf", "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"),
                own_file("kubelet.default", "/etc/default/kubelet"),
            ),
            (("Depends", "kubernetes-cni, iptables, iproute2, mount, util-linux, conntrack, ethtool, socat"),),
            ("/etc/kubernetes/manifests", "/var/lib/kubelet"),
            ("/etc/default/kubelet",),
            "reload-units.sh",
        ),
        Package(
            *("kubectl", package_version, "Talks to a Kubernetes cluster", repository),
            (program(built["kubectl"], "/usr/bin/kubectl"),),
        ),
        Package(
            *("cri-tools", f"{versions.CRI_TOOLS}-{REVISION}", "Looks into a container runtime", repository),
            _crictl(version),
        ),
        Package(
            *("kubernetes-cni", f"{versions.CNI_PLUGINS}-{REVISION}", "Plugins of the pod network", repository),
            tuple(program(built[name], f"{CNI_DIRECTORY}/{name}") for name in plugins),
        ),
    ]


def _crictl(version: str) -> tuple[Content, ...]:
    if not versions.release(version).knows_cri_v1alpha2:
        return (program(programs.crictl(), "/usr/bin/crictl"),)
    return (
        own_file("crictl", "/usr/bin/crictl", 0o755),
        program(programs.crictl(), "/usr/libexec/crictl-v1"),
        program(programs.crictl_of_v1alpha2(), "/usr/libexec/crictl-v1alpha2"),
    )


def _containerd() -> Package:
    """The package of containerd. Unlike Docker's package it has no configuration file, and depends on Debian's runc."""
    built = {each.name: each for each in programs.others()}
    return Package(
        *("containerd.io", f"{versions.CONTAINERD}-1", "Runs containers", CONTAINERD_DIRECTORY),
        (
            *(program(built[name], f"/usr/bin/{name}") for name in programs.CONTAINERD_NAMES),
            own_file("containerd.service", "/usr/lib/systemd/system/containerd.service"),
        ),
        (("Depends", "runc"), ("Provides", "containerd"), ("Conflicts", "containerd"), ("Replaces", "containerd")),
        ("/etc/containerd", "/var/lib/containerd"),
        after_install="start-containerd.sh",
    )
