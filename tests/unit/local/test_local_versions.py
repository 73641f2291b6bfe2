"""Versions and systems of the local mirror and machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from components.settings.stack_file import parse_settings
from local.environment import E2E
from local.mirror import MirrorAccess, programs
from local.mirror.images import add_on_images, all_images
from local.mirror.packages import all_packages
from local.mirror.versions import RELEASES, release
from local.toolchain import go
from local.toolchain.go import GoProgram
from problem import StepError
from tests.e2e.cell import Cell
from tests.unit.support.stacks import with_workers


@pytest.mark.parametrize("kubernetes", RELEASES)
def test_everything_of_a_version_has_its_module(kubernetes: str) -> None:
    """With a checksum file, without which nothing is downloaded."""
    for program in [*programs.kubernetes(kubernetes), *programs.etcd(kubernetes), programs.coredns(kubernetes)]:
        assert (program.module / "go.mod").exists(), program.module
        assert (program.module / "go.sum").exists(), program.module
        assert program.go_version == release(kubernetes).go


def test_a_program_without_dependencies_has_no_sums_and_is_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Go writes no go.sum where there is nothing to verify."""
    commands: list[list[str]] = []

    def compiled(command: Sequence[str | Path], **_: object) -> str:
        commands.append([str(word) for word in command])
        Path(command[command.index("-o") + 1]).write_text("binary")
        return ""

    monkeypatch.setattr(go, "run", compiled)
    monkeypatch.setattr(go, "go_tool", lambda _: Path("go"))
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "go.mod").write_text("module pause\n")
    assert GoProgram("pause", tmp_path / "module", ".").build(tmp_path).read_text() == "binary"
    assert not any("-modfile" in command for command in commands)


def test_versions_are_side_by_side_in_the_mirror() -> None:
    """No file and no tag of one version is another one's, but for what they share."""
    shared_files = {package.file for package in all_packages("1.24.3")} & {
        package.file for package in all_packages("1.36.3")
    }
    assert {file.name.partition("_")[0] for file in shared_files} == {"containerd.io"}
    shared_images = {image.name for image in all_images("1.24.3")} & {image.name for image in all_images("1.36.3")}
    assert not [name for name in shared_images if name.startswith("gcr/")]


def test_each_version_brings_the_images_that_its_kubeadm_names() -> None:
    """Read from constants.go of 1.24.3."""
    names = {image.name for image in all_images("1.24.3")}
    assert {"gcr/etcd:3.5.3-0", "gcr/coredns:v1.8.6", "gcr/pause:3.7", "gcr/kube-proxy:v1.24.3"} <= names


def test_an_unknown_version_is_refused_with_those_that_there_are() -> None:
    """Before anything is compiled."""
    with pytest.raises(StepError, match=r"1\.24\.3, 1\.35\.4, 1\.36\.1, 1\.36\.3, 1\.37\.2"):
        all_packages("1.23.0")


def test_machines_have_the_debian_releases_of_the_cell_in_their_order() -> None:
    """The last one goes on."""
    cell = Cell.of({"KUBERNETES": "1.24.3", "DEBIAN": "11,12"})
    assert [cell.environment.debian_of(machine) for machine in E2E.machines] == [11, 12, 12]
    assert [Cell.of({"DEBIAN": "13"}).environment.debian_of(machine) for machine in E2E.machines] == [13, 13, 13]


def test_without_a_choice_the_cell_is_the_default_one() -> None:
    """`make e2e` passes empty variables."""
    assert Cell.of({"KUBERNETES": "", "DEBIAN": ""}) == Cell.of({}) == Cell("1.36.3", (12,))


@pytest.mark.parametrize("kubernetes", RELEASES)
def test_the_mirror_has_the_metrics_server_of_a_version_or_its_stack_leaves_it_out(kubernetes: str) -> None:
    """Under the name that a stack rewrites; the registry of Go modules has none for the guide's version."""
    parsed = parse_settings(with_workers(version=kubernetes) | {"images": {"rewrite": {"registry.k8s.io": "gcr"}}})
    is_there = parsed.metrics_server_image.replace("registry.k8s.io", "gcr") in {
        image.name for image in all_images(kubernetes)
    }
    off = MirrorAccess.metrics_server_settings(kubernetes) == {"metricsServer.enabled": "false"}
    assert (is_there, off) == (kubernetes != "1.24.3", kubernetes == "1.24.3")


def test_images_of_add_ons_that_no_stack_has_by_default_are_built_for_their_tests_only() -> None:
    """`make up` does not wait for them."""
    names = {image.name for image in add_on_images()}
    assert {"quay/metallb/speaker:v0.15.2", "dockerhub/rancher/local-path-provisioner:v0.0.30"} <= names
    assert not names & {image.name for version in RELEASES for image in all_images(version)}
    for program in (programs.local_path(), *programs.metallb(), programs.metrics_server()):
        assert (program.module / "go.sum").exists()
