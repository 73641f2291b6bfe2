"""Which package of containerd a host has, and from where."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.settings.stack_file import parse_settings
from components.steps.last_update import LastUpdate
from components.steps.step import StepName
from tests.unit.support.planning import planned, state_of, wanted_by
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import Stack, only_problem, with_workers

PRIVATE = {"url": "https://hub.example.com/apt", "keyring": "https://hub.example.com/key", "fingerprint": "A" * 40}
LIST = "/etc/apt/sources.list.d/containerd.list"
KEYRING = "/etc/apt/keyrings/containerd.asc"
DOCKERS = f"deb [signed-by={KEYRING}] https://download.docker.com/linux/{{distribution}} {{codename}} stable\n"


def of_host(stack: Stack, last: LastUpdate, name: str) -> tuple[str, str | None]:
    """Package and source list of containerd on a host."""
    step = wanted_by(stack, last).step(name, StepName.PREPARE)
    files = {file.path: file.content for file in [*step.files, *step.shared_files]}
    return step.variables["CONTAINERD_PACKAGE"], files.get(LIST)


@pytest.mark.parametrize(
    ("version", "sections", "package", "source"),
    [
        ("1.35.4", {}, "containerd", None),
        ("1.36.3", {}, "containerd.io", DOCKERS),
        ("1.37.2", {}, "containerd.io", DOCKERS),
        ("1.36.3", {"packages": {"repository": PRIVATE}}, "containerd", None),
        ("1.36.3", {"containerd": {"package": "containerd"}}, "containerd", None),
        ("1.35.4", {"containerd": {"package": "containerd.io"}}, "containerd.io", None),
    ],
)
def test_a_new_host_gets_the_package_that_kubernetes_needs(
    tmp_path: Path, version: str, sections: Stack, package: str, source: str | None
) -> None:
    """A stack that names a package gets that one, and a network with mirrors only does not reach Docker's."""
    assert of_host(stack_of(tmp_path, version=version) | sections, LastUpdate(), "node1") == (package, source)


def test_the_key_of_dockers_repository_is_named_by_its_fingerprint(tmp_path: Path) -> None:
    """A host refuses a keyring without it."""
    step = wanted_by(stack_of(tmp_path), LastUpdate()).step("node1", StepName.PREPARE)
    _, line = step.variables["KEYRINGS"].splitlines()
    assert line == (f"{KEYRING} 9DC858229FC7DD38854AE2D88D81803C0EBFCD88 https://download.docker.com/linux/debian/gpg")


def test_a_node_keeps_its_package_through_an_upgrade_and_a_new_host_gets_the_newer_one(tmp_path: Path) -> None:
    """containerd below running pods is not what an upgrade of Kubernetes, or of this project, replaces."""
    last = state_of(record(stack_of(tmp_path, version="1.35.4"), preview=False))
    upgraded = stack_of(tmp_path, "node2", "node3", "node4", version="1.36.3")
    found = {name: of_host(upgraded, last, name)[0] for name in ("node1", "node4")}
    assert found == {"node1": "containerd", "node4": "containerd.io"}
    assert not [line for line in planned(upgraded, last) if "the package containerd.io" in line]
    assert of_host(upgraded, last, "node1")[1] is None


def test_a_node_keeps_dockers_package_when_the_stack_gets_mirrors(tmp_path: Path) -> None:
    """Its repository goes, because a network of mirrors may not reach it."""
    last = state_of(record(stack_of(tmp_path, version="1.36.3"), preview=False))
    stack = stack_of(tmp_path, version="1.36.3") | {"packages": {"repository": PRIVATE}}
    assert of_host(stack, last, "node1") == ("containerd.io", None)


def test_a_package_that_a_stack_names_anew_has_a_line_in_the_plan(tmp_path: Path) -> None:
    """The host refuses it while the other one is there."""
    last = state_of(record(stack_of(tmp_path, version="1.35.4"), preview=False))
    stack = stack_of(tmp_path, version="1.35.4")
    stack["containerd"]["package"] = "containerd.io"
    assert (
        "node1: containerd is the package containerd.io instead of containerd; no update takes the place of a package:"
        " docs/how-to/containerd-package.md" in planned(stack, last)
    )
    assert not [line for line in planned(stack, last) if "preparation runs again" in line]


def test_a_machine_that_comes_back_is_a_new_one(tmp_path: Path) -> None:
    """Its node had left, and the machine may be another one."""
    before = stack_of(tmp_path, "node2", version="1.35.4")
    gone = stack_of(tmp_path, "node2", version="1.35.4")
    gone["hosts"]["node2"]["gone"] = True
    first = record(before, preview=False)
    last = state_of(record(gone, preview=False, before=first))
    assert of_host(stack_of(tmp_path, "node2", version="1.36.3"), last, "node2")[0] == "containerd.io"


def test_a_repository_may_name_the_release_of_its_hosts() -> None:
    """A mirror with several releases needs one entry."""
    repository = PRIVATE | {"suite": "{codename}", "components": ["stable"]}
    stack = with_workers() | {"containerd": {"package": "containerd.io", "repository": repository}}
    assert parse_settings(stack).containerd.repository is not None
    repository["suite"] = "{release}"
    assert only_problem(stack).startswith(
        "containerd.repository.suite: expected a suite, such as `stable` or `{codename}`"
    )
