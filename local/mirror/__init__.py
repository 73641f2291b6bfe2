"""The local mirror: packages and images for machines that have no way out."""

from local.mirror.build import build, build_add_ons, clear_build_caches
from local.mirror.serve import MirrorAccess, access, serve, stop
from local.mirror.versions import KUBERNETES

__all__ = [
    "KUBERNETES",
    "MirrorAccess",
    "access",
    "build",
    "build_add_ons",
    "clear_build_caches",
    "serve",
    "stop",
]
