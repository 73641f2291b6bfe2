"""Local machines: hosts where nothing was installed yet, podman that fails, and two runs at the same time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local import machines
from local.debian import is_installed
from local.environment import E2E, Environment
from local.machines import root_file_system
from local.machines.engine import inspected
from local.paths import REPOSITORY
from problem import StepError


def fake_program(directory: Path, name: str, script: str) -> None:
    """Put a program into a directory."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_a_container_engine_there_is_nothing_to_delete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`make down`, and the tests, which begin with it, work on a fresh host. With files of machines it had some."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(Environment, "directory", tmp_path / "e2e")
    machines.delete(E2E)
    (tmp_path / "e2e").mkdir()
    with pytest.raises(StepError, match="expected the program podman, which made them"):
        machines.delete(E2E)


@pytest.mark.parametrize("status", [2, 125])
def test_podman_that_fails_does_not_mean_that_a_container_is_absent(
    status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine that exists would be made again, and its volumes deleted."""
    fake_program(tmp_path, "podman", f"echo database is locked >&2; exit {status}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(StepError, match="database is locked"):
        inspected("container", "node1", step="inspect node1")
    fake_program(tmp_path, "podman", "exit 1")
    assert inspected("container", "node1", step="inspect node1") is None


def test_dpkg_that_fails_does_not_mean_that_a_package_is_absent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Status 1 means that dpkg does not know the package, status 2 that dpkg failed."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    fake_program(tmp_path, "dpkg-query", "echo no database >&2; exit 2")
    with pytest.raises(StepError, match="no database"):
        is_installed("curl")
    fake_program(tmp_path, "dpkg-query", "exit 1")
    assert not is_installed("curl")
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert not is_installed("curl"), "a host without dpkg"


def test_runs_at_the_same_time_build_a_machine_image_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All checkouts of a user share the archives: the second run waits, and finds the image of the first."""
    cache, built, imported = tmp_path / "machines", [], list[str]()
    (cache / ".unfinished-killed").mkdir(parents=True)

    def build(_: int, archive: Path) -> None:
        built.append(archive)
        archive.write_text("half")
        time.sleep(0.2)
        archive.write_text("whole")

    def podman(*arguments: str, **_: str) -> str:
        if arguments[0] == "import":
            assert Path(arguments[-2]).read_text() == "whole"
            imported.append(arguments[-1])
        return ""

    def inspected_image(_: str, name: str, **__: str) -> dict[str, Any] | None:
        return {"name": name} if name in imported else None

    monkeypatch.setattr(root_file_system, "MACHINE_IMAGES", cache)
    monkeypatch.setattr(root_file_system, "_build", build)
    monkeypatch.setattr(root_file_system, "podman", podman)
    monkeypatch.setattr(root_file_system, "inspected", inspected_image)
    monkeypatch.setattr(root_file_system, "install_packages", lambda *_, **__: None)
    with ThreadPoolExecutor(2) as pool:
        names = set(pool.map(root_file_system.ensure_image, [12, 12]))
    assert imported == list(names)
    assert len(built) == 1
    (name,) = names
    assert sorted(path.name for path in cache.iterdir()) == [f"debian-{name.rpartition(':')[2]}.tar.zst", "lock"]


def test_a_new_container_has_the_mac_address_of_the_one_before_it() -> None:
    """Neighbors send to the address that they remember; `network_options` is the one place that gives an address."""
    options = E2E.network_options("192.0.2.17")
    assert options == ("--network", E2E.name, "--ip", "192.0.2.17", "--mac-address", "02:00:c0:00:02:11")
    sources = [*(REPOSITORY / "local").rglob("*.py"), *(REPOSITORY / "tests" / "e2e").rglob("*.py")]
    assert [path.name for path in sources if '"--ip"' in path.read_text()] == ["environment.py"]
