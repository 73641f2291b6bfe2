"""Manifests that others wrote, by name and version: manifests/sources.yaml."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).parents[2] / "manifests" / "sources.yaml"


@cache
def manifest_sources(name: str) -> dict[str, tuple[str, str]]:
    """URL and SHA-256 of each version of a manifest."""
    versions = yaml.safe_load(FILE.read_text())[name]
    return {version: (each["url"], each["sha256"]) for version, each in versions.items()}
