"""Plans that pages show: each line is one that the program says after the edit of the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from components.steps.last_update import LastUpdate
from local.paths import REPOSITORY
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import PASSWORD, record, stack_of
from tests.unit.support.stacks import KEY, Stack

BLOCK = re.compile(r"^```\nPlan for cluster \w+:\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _new(stack: Stack) -> None:
    stack["cluster"]["kubernetesVersion"] = "1.36.3"


def _with_node4(stack: Stack) -> None:
    stack["hosts"]["node4"] = {"address": "192.0.2.14", "hostKey": f"{KEY}14"}


def _without_node3(stack: Stack) -> None:
    del stack["hosts"]["node3"]


def _gone(stack: Stack) -> None:
    stack["hosts"]["node3"]["gone"] = True


def _with_sysctl(stack: Stack) -> None:
    stack["hosts"]["node2"]["sysctl"] = {"vm.overcommit_memory": 1}


def _with_another_key(stack: Stack) -> None:
    stack["hosts"]["node2"]["hostKey"] = f"{KEY}99"


def _renewed(stack: Stack) -> None:
    stack["cluster"]["certificateGeneration"] = 2


def _nothing(_: Stack) -> None:
    """The edit is of a secret."""


EDITS: dict[str, list[Callable[[Stack], None]]] = {
    "README.md": [_with_node4, _without_node3],
    "README.zh-CN.md": [_with_node4, _without_node3],
    "docs/tutorials/own-machines.md": [_new, _with_node4],
    "docs/tutorials/own-machines.zh-CN.md": [_new, _with_node4],
    "docs/how-to/add-worker.md": [_with_node4],
    "docs/how-to/remove-worker.md": [_without_node3],
    "docs/how-to/dead-machine.md": [_gone],
    "docs/how-to/change-settings.md": [_with_sysctl],
    "docs/how-to/rotate-ssh-keys.md": [_with_another_key],
    "docs/how-to/rotate-registry-passwords.md": [_nothing],
    "docs/how-to/renew-certificates.md": [_renewed],
    "docs/how-to/upgrade-kubernetes.md": [_new],
}
"""Edits of the stack of a control plane and two workers, by page and block."""

ELSEWHERE = {
    "docs/how-to/control-planes.md": "test_control_planes.py has its lines",
    "docs/how-to/encrypt-secrets.md": "test_encryption.py has its line",
    "docs/how-to/upgrade-calico.md": "test_plan.py has its lines, with another registry",
}
CASES = [(page, number) for page, edits in EDITS.items() for number in range(len(edits))]


def blocks(page: str) -> list[list[str]]:
    """The lines of each plan of a page."""
    return [[line.strip() for line in block.splitlines()] for block in BLOCK.findall((REPOSITORY / page).read_text())]


@pytest.fixture(scope="module")
def last(directory: Path) -> LastUpdate:
    """One control plane and two workers of 1.35.4."""
    return state_of(record(stack_of(directory, "node2", "node3", version="1.35.4"), preview=False))


@pytest.mark.parametrize(("page", "number"), CASES)
def test_the_program_says_what_the_page_shows(directory: Path, last: LastUpdate, page: str, number: int) -> None:
    """In the same order; a page may leave lines out. Versions are those of the pages, where hosts come."""
    shown = blocks(page)[number]
    stack = stack_of(directory, "node2", "node3", version="1.35.4")
    edit = EDITS[page][number]
    edit(stack)
    is_first = edit is _new and "upgrade" not in page
    if is_first:
        del stack["backup"]
    said = planned(stack, LastUpdate() if is_first else last, "fish-sword" if edit is _nothing else PASSWORD)
    said = [line.replace("Kubernetes 1.35.4", "Kubernetes 1.36.3") for line in said]
    assert [line for line in said if line in shown] == shown, said


def test_each_plan_on_a_page_is_of_a_known_edit() -> None:
    """Or another test has its lines."""
    pages = [path for path in REPOSITORY.rglob("*.md") if ".venv" not in path.parts and ".local" not in path.parts]
    found = {str(path.relative_to(REPOSITORY)): len(BLOCK.findall(path.read_text())) for path in pages}
    assert {page: count for page, count in found.items() if count and page not in ELSEWHERE} == {
        page: len(edits) for page, edits in EDITS.items()
    }
    assert [page for page in ELSEWHERE if not found[page]] == []
