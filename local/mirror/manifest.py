"""Manifests of others, out of their modules and into the mirror's web server."""

from __future__ import annotations

import hashlib
from pathlib import Path

from local.files import write_whole
from local.mirror.content import calico_file
from local.mirror.packages import WEB
from local.mirror.programs import METALLB_PATH, metallb_module
from local.mirror.versions import METALLB, Calico
from local.toolchain.go import module_directory
from problem import StepError


def web_path(calico: Calico) -> str:
    """Path of a manifest below the address of the web server."""
    return f"manifests/calico/v{calico.version}/calico-vxlan.yaml"


def manifest_file(calico: Calico) -> Path:
    """A manifest, as the web server has it."""
    return WEB / web_path(calico)


def manifest_is_there(calico: Calico) -> bool:
    """True where the web server has the manifest, unchanged."""
    file = manifest_file(calico)
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == calico.sha256


def publish_manifest(calico: Calico) -> None:
    """Copy a manifest to the web server.

    Raises:
        StepError: the manifest in the module has another checksum than the pinned one.
    """
    content = calico_file(calico, "manifests/calico-vxlan.yaml", "").source().read_bytes()
    seen = hashlib.sha256(content).hexdigest()
    if seen != calico.sha256:
        raise StepError(
            f"publish the manifest of Calico {calico.version}",
            expected=f"sha256 {calico.sha256}",
            seen=seen,
            next_command="compare module and sha256 of this Calico in local/mirror/versions.py",
        )
    write_whole(manifest_file(calico), content)


def metallb_manifest() -> Path:
    """MetalLB's manifest, as the web server has it; `publish_metallb` makes it."""
    return WEB / f"manifests/metallb/v{METALLB}/metallb-native.yaml"


def publish_metallb() -> None:
    """Copy MetalLB's manifest to the web server; go.sum of its module is its checksum."""
    source = module_directory(metallb_module(), METALLB_PATH) / "config" / "manifests" / "metallb-native.yaml"
    write_whole(metallb_manifest(), source.read_bytes())
