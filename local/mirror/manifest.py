"""Calico's manifest, out of its module and into the mirror's web server."""

from __future__ import annotations

import hashlib

from local.mirror import versions
from local.mirror.content import calico_file
from local.mirror.packages import WEB
from problem import Problem, StepError

CALICO_SHA256 = "034b15449b896732fd65e30ec109fb469fa97b78d0d8b6986dac478f7a960629"
CALICO_WEB_PATH = f"manifests/calico/v{versions.CALICO}/calico-vxlan.yaml"
CALICO_FILE = WEB / CALICO_WEB_PATH


def manifest_is_there() -> bool:
    """True where the web server has the manifest, unchanged."""
    return CALICO_FILE.exists() and hashlib.sha256(CALICO_FILE.read_bytes()).hexdigest() == CALICO_SHA256


def publish_manifest() -> None:
    """Copy the manifest to the web server.

    Raises:
        StepError: the manifest in the module has another checksum than the pinned one.
    """
    content = calico_file("manifests/calico-vxlan.yaml", "").source().read_bytes()
    seen = hashlib.sha256(content).hexdigest()
    if seen != CALICO_SHA256:
        raise StepError(
            Problem(
                "publish Calico's manifest",
                expected=f"sha256 {CALICO_SHA256}",
                seen=seen,
                next_command="compare versions.CALICO_MODULE with CALICO_SHA256 in local/mirror/manifest.py",
            )
        )
    CALICO_FILE.parent.mkdir(parents=True, exist_ok=True)
    unfinished = CALICO_FILE.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    unfinished.rename(CALICO_FILE)
