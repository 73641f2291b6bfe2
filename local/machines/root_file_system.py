"""The podman image that local machines of a Debian release start from."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from local.commands import run
from local.debian import install_packages
from local.locks import locked
from local.machines.debian_sources import CODENAMES, host_sources
from local.machines.engine import inspected, podman
from local.paths import MACHINE_IMAGES
from local.report import step as reported
from problem import StepError

REPOSITORY_NAME = "localhost/pulumi-kubeadm/machine"
SHELL_FILES = Path(__file__).parent / "image"
TOOLS = ("mmdebstrap", "debian-archive-keyring", "apt-utils", "zstd")

PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "sudo", "apt", "ca-certificates", "curl"),
    *("gnupg", "gpgv", "iproute2", "iptables", "nftables", "conntrack", "ebtables", "ethtool", "socat", "kmod"),
    *("procps", "util-linux", "mount", "runc", "iputils-ping", "less", "netbase"),
)
"""Packages of a small Debian server, and dependencies of Kubernetes' packages. The stack installs containerd."""

INSTALLABLE = ("containerd", "haproxy", "keepalived", "curl", "openssl", "ca-certificates")
"""Packages of Debian that machines can install without a mirror: a repository on their disks has them. An unfriendly
machine loses the last three, which are installed."""

UNFINISHED = ".unfinished-"
"""Prefix of the directory of an archive that is being built."""

SETTINGS_OF_APT = r"Acquire::(https?::Proxy|Check-Valid-Until|Check-Date)\b"
"""Settings of this host's apt that decide whether its mirrors can be used at all."""


def ensure_image(debian: int) -> str:
    """The name of the podman image of a Debian release; a missing image is built.

    Raises:
        StepError: the release is not known, its mirror cannot be reached, or podman failed.
    """
    if debian not in CODENAMES:
        raise StepError(
            f"build Debian {debian}",
            expected=f"one of the Debian releases {', '.join(map(str, CODENAMES))}",
            seen=str(debian),
            next_command="choose one of these releases in local/environment.py",
        )
    name = image_name(debian)
    # All checkouts of a user share the archives: a second run waits, and finds the image.
    with locked(MACHINE_IMAGES / "lock"):
        if not inspected("image", name, step=f"inspect the image of Debian {debian}"):
            with reported(f"Debian {debian} for the local machines is there", estimate_seconds=50):
                podman(
                    *("import", "--quiet", "--change", 'CMD ["/sbin/machine-init"]'),
                    *("--change", "ENV container=podman", "--change", "STOPSIGNAL SIGRTMIN+3"),
                    *(str(_archive(debian)), name),
                    step=f"import Debian {debian}",
                )
        remove_old_images(debian)
    return name


def image_name(debian: int) -> str:
    """Name of the image of the current recipe."""
    recipe = hashlib.sha256(repr((debian, PACKAGES, INSTALLABLE)).encode())
    for path in sorted(SHELL_FILES.iterdir()):
        recipe.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"{REPOSITORY_NAME}:{debian}-{recipe.hexdigest()[:12]}"


def remove_old_images(debian: int) -> None:
    """Delete images of old recipes of a Debian release, unless containers use them."""
    wanted = image_name(debian)
    step = "remove old images"
    used = set(podman("ps", "--all", "--format", "{{.Image}}", step=step).split())
    for name in podman("images", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY_NAME, step=step).split():
        if name.startswith(f"{REPOSITORY_NAME}:{debian}-") and name != wanted and name not in used:
            podman("rmi", name, step=step)
    for path in MACHINE_IMAGES.glob(f"debian-{debian}-*"):
        if path != _archive_path(debian):
            path.unlink()


def _archive_path(debian: int) -> Path:
    return MACHINE_IMAGES / f"debian-{image_name(debian).rpartition(':')[2]}.tar.zst"


def _archive(debian: int) -> Path:
    """The root file system as an archive; an existing archive is complete."""
    path = _archive_path(debian)
    if path.exists():
        return path
    install_packages(TOOLS, why="to build the local machines' Debian")
    for left_by_a_killed_build in MACHINE_IMAGES.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left_by_a_killed_build)
    # mmdebstrap outlives a build that is killed: it may write to its own directory only.
    with tempfile.TemporaryDirectory(dir=MACHINE_IMAGES, prefix=UNFINISHED) as scratch:
        unfinished = Path(scratch) / path.name
        _build(debian, unfinished)
        return unfinished.rename(path)


def _build(debian: int, archive: Path) -> None:
    step = f"build Debian {debian}"
    run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
            *(f"--aptopt={setting}" for setting in _settings_of_host_apt(step)),
            f'--customize-hook={SHELL_FILES / "packages.sh"} "$1" {" ".join(INSTALLABLE)}',
            f"--customize-hook={SHELL_FILES / 'customize.sh'}",
            *(CODENAMES[debian], archive),
            *host_sources(debian),
        ],
        step=step,
        log="mmdebstrap",
    )


def _settings_of_host_apt(step: str) -> list[str]:
    settings = run(["apt-config", "dump", "--format", '%f "%v";%n'], step=step, log="mmdebstrap").splitlines()
    return [setting for setting in settings if re.match(SETTINGS_OF_APT, setting)]
