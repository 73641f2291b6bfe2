"""Charts on which a chart depends: `helm install` refuses an archive without them, and the provider leaves them out."""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

LARGEST_BYTES = 1024**2
"""Limit of a file that says what a chart depends on."""
DECLARATIONS = re.compile(r"[^/]+/(charts/[^/]+/)?(Chart|requirements)\.yaml")
PACKED = re.compile(r"[^/]+/charts/([^/]+)\.tgz")


@cache
def missing_dependencies(archive: bytes) -> list[str]:
    """Names of charts on which a chart depends, wanted by its values or not, and that its archive does not have."""
    try:
        files = dict(_files(archive))
    except (tarfile.TarError, OSError, EOFError, zlib.error, yaml.YAMLError):
        return []  # Helm reports what the file is
    there = {str(content.get("name")) for path, content in files.items() if path.count("/") > 1}
    packed = [found[1] for path in files if (found := PACKED.fullmatch(path))]
    wanted = [
        str(each["name"])
        for path, content in files.items()
        for each in (content.get("dependencies") or () if path.count("/") == 1 else ())
        if isinstance(each, dict) and "name" in each
    ]
    return sorted(each for each in set(wanted) - there if not any(_is_of(name, each) for name in packed))


def _is_of(packed: str, chart: str) -> bool:
    """True for the name of an archive of a chart; the version behind it may have a `-`, too."""
    return re.fullmatch(rf"{re.escape(chart)}(-v?\d.*)?", packed) is not None


def _files(archive: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Files that name a chart or what it depends on, and archives of charts among them, which are not read."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        for entry in packed:
            if PACKED.fullmatch(entry.name):
                yield entry.name, {}
            elif DECLARATIONS.fullmatch(entry.name) and entry.isfile():
                file = packed.extractfile(entry)
                content = yaml.safe_load(file.read(LARGEST_BYTES)) if file else None
                yield entry.name, content if isinstance(content, dict) else {}
