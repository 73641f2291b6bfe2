"""Build of the mirror's content on this host, from Go modules and Debian packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.debian import install_packages
from local.locks import locked
from local.mirror import apt_repository, registry
from local.mirror.content import PROGRAMS
from local.mirror.images import Image, add_on_images, all_images
from local.mirror.manifest import manifest_is_there, metallb_manifest, publish_manifest, publish_metallb
from local.mirror.packages import Package, all_packages
from local.mirror.serve import ensure_image
from local.mirror.versions import RELEASES, release
from local.paths import CACHE, GO_BUILD, GO_MODULES, MIRROR
from local.report import say, step
from problem import StepError

COLD_BYTES = 30 * 10**9
"""Go's caches grow to 26 GB, and the kept content to 2 GB."""
VERSION_BYTES = 10 * 10**9
"""The most that another Kubernetes version adds to both."""
WARM_BYTES = 3 * 10**9
MEMORY_BYTES = 4 * 2**30
"""Compiling kube-apiserver needs 3 GiB. Hosts with nominally 4 GiB have a little less."""
MEMORY_TOLERANCE = 0.9
COLD_SECONDS = 30 * 60
WARM_SECONDS = 3 * 60
HOST_PACKAGES = ("dpkg", "apt-utils", "gnupg", "openssl")


def build(*kubernetes_versions: str) -> None:
    """Build packages, images and manifest of these versions, side by side.

    Existing content is not built again. Other versions that were built before stay.

    Raises:
        StepError: an unknown version, too little disk or memory, or something does not build.
    """
    with _one_at_a_time():
        for version in kubernetes_versions:
            _make_missing(version)
        install_packages(HOST_PACKAGES, why="to make package repositories")
        with step("Package repositories are signed"):
            _publish(kubernetes_versions)
        _tidy()


def build_add_ons() -> None:
    """Build the images of add-ons that no stack has by default, and publish MetalLB's manifest.

    Raises:
        StepError: too little disk or memory, or something does not build.
    """
    with _one_at_a_time():
        missing = [image for image in add_on_images() if not image.is_built()]
        if not missing and metallb_manifest().exists():
            return
        _check_host(WARM_BYTES)
        with step("Images of add-ons are built", estimate_seconds=WARM_SECONDS) as progress:
            publish_metallb()
            for number, image in enumerate(missing):
                progress(number / len(missing), image.name)
                image.build()
        _tidy()


def _make_missing(kubernetes_version: str) -> None:
    products: list[Package | Image] = [*all_packages(kubernetes_version), *all_images(kubernetes_version)]
    missing = [product for product in products if not product.is_built()]
    if missing or not manifest_is_there(release(kubernetes_version).calico):
        _make(kubernetes_version, missing)


def _publish(kubernetes_versions: tuple[str, ...]) -> None:
    """Sign the repositories, with built packages of other versions too: patches of a minor version share one."""
    there = [package for version in RELEASES for package in all_packages(version) if package.is_built()]
    # The package of containerd belongs to every version, and is a single file.
    debian = {package.file: package for package in there}.values()
    for directory in {package.directory for version in kubernetes_versions for package in all_packages(version)}:
        apt_repository.publish(directory, [package for package in debian if package.directory == directory])


def _tidy() -> None:
    """Make the file system of the mirror, and delete files that only the build needed."""
    with step("The mirror's file system is made"):
        ensure_image()
    registry.remove_unreferenced()
    if PROGRAMS.exists():
        shutil.rmtree(PROGRAMS)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Lock the cache, which all checkouts of a user share: a second build waits for the first."""
    with locked(MIRROR / "lock"):
        for left_by_a_killed_build in MIRROR.glob(".*-*"):
            shutil.rmtree(left_by_a_killed_build)
        yield


def _make(kubernetes_version: str, missing: list[Package | Image]) -> None:
    cold = bool(missing) and not GO_BUILD.exists()
    new_version = any(product.name == "kubelet" for product in missing)
    _check_host(COLD_BYTES if cold else VERSION_BYTES if new_version else WARM_BYTES)
    if cold:
        say("  Kubernetes is built here, once, for the mirror that the machines install from.")
    install_packages(HOST_PACKAGES, why="to make package repositories")
    title = f"Kubernetes {kubernetes_version} is built: packages and images"
    with step(title, estimate_seconds=COLD_SECONDS if cold or new_version else WARM_SECONDS) as progress:
        if not manifest_is_there(calico := release(kubernetes_version).calico):
            publish_manifest(calico)
        for number, product in enumerate(missing):
            progress(number / len(missing), product.name)
            product.build()


def _check_host(needed_bytes: int) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(CACHE).free
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    say(
        f"  Building needs {needed_bytes / 1e9:.0f} GB of disk (free: {free / 1e9:.0f} GB)"
        f" and {MEMORY_BYTES / 2**30:.0f} GiB of memory (there: {memory / 2**30:.0f} GiB)."
    )
    if free < needed_bytes:
        raise StepError(
            "check the free disk space",
            expected=f"{needed_bytes / 1e9:.0f} GB free at {CACHE}",
            seen=f"{free / 1e9:.0f} GB",
            next_command="free disk space, or set XDG_CACHE_HOME to a directory on a larger disk",
        )
    if memory < MEMORY_BYTES * MEMORY_TOLERANCE:
        raise StepError(
            "check the memory of this host",
            expected=f"{MEMORY_BYTES / 2**30:.0f} GiB",
            seen=f"{memory / 2**30:.1f} GiB",
            next_command="build on a larger host and copy its cache directory",
        )


def clear_build_caches() -> None:
    """Delete files that only builds needed: Go modules, compiled packages, binaries that are packaged by now."""
    with _one_at_a_time():
        for directory in (GO_MODULES, GO_BUILD, PROGRAMS):
            if directory.exists():
                with step(f"Build-only cache {directory.name} is deleted"):
                    _delete_read_only(directory)


def _delete_read_only(directory: Path) -> None:
    """Delete a directory of read-only files, as Go makes them; only root may delete these without chmod."""
    for root, _, _ in os.walk(directory):
        Path(root).chmod(0o700)
    shutil.rmtree(directory)
