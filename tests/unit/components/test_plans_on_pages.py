"""Plans that pages show: each line is one that the program prints after the edit of the page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import pytest
import yaml

from components.steps.last_update import LastUpdate
from local.paths import REPOSITORY
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import PASSWORD, Recording, record, stack_of
from tests.unit.support.several import host_line
from tests.unit.support.stacks import CALICO_MANIFEST, KEY, Stack

BLOCK = re.compile(r"^```\nPlan for cluster \w+:\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _new(stack: Stack) -> None:
    stack["cluster"]["kubernetesVersion"] = "1.36.3"


def _with_node4(stack: Stack) -> None:
    stack["hosts"]["node4"] = {"address": "192.0.2.14", "hostKey": f"{KEY}14"}


def _without_node3(stack: Stack) -> None:
    del stack["hosts"]["node3"]


def _gone(stack: Stack) -> None:
    stack["hosts"]["node3"]["gone"] = True


def _with_three_control_planes(stack: Stack) -> None:
    for name in ("node4", "node5"):
        stack["hosts"][name] = host_line(name, "control-plane")


def _without_node1(stack: Stack) -> None:
    _with_three_control_planes(stack)
    del stack["hosts"]["node1"]


def _without_a_dead_one(stack: Stack) -> None:
    _with_three_control_planes(stack)
    stack["hosts"]["node5"]["gone"] = True


def _with_recipient(stack: Stack) -> None:
    stack["backup"] |= {"everyHours": 4, "keep": 12}  # the recipient is there already


def _lab(stack: Stack) -> None:
    config = yaml.safe_load((REPOSITORY / "Pulumi.lab.yaml").read_text())["config"]
    calico = stack["calico"]  # a manifest that is at hand
    stack.clear()
    stack |= {key.removeprefix("kubeadm:"): section for key, section in config.items()} | {"calico": calico}


def _with_sysctl(stack: Stack) -> None:
    stack["hosts"]["node2"]["sysctl"] = {"vm.overcommit_memory": 1}


def _with_another_key(stack: Stack) -> None:
    stack["hosts"]["node2"]["hostKey"] = f"{KEY}99"


def _renewed(stack: Stack) -> None:
    stack["cluster"]["certificateGeneration"] = 2


def _one_and_a_worker(stack: Stack) -> None:
    stack["hosts"] = {"node1": host_line("node1", "control-plane"), "node4": host_line("node4", "worker")}


def _one_becomes_three(stack: Stack) -> None:
    roles = dict.fromkeys(("node1", "node2", "node3"), "control-plane") | {"node4": "worker"}
    stack["hosts"] = {name: host_line(name, role) for name, role in roles.items()}


def _encrypted(stack: Stack) -> None:
    stack["cluster"]["encryption"] = {"keys": [{"name": "k1", "secret": "k1Key"}]}


def _with_another_key_first(stack: Stack) -> None:
    keys = [{"name": name, "secret": f"{name}Key"} for name in ("k2", "k1")]
    stack["cluster"]["encryption"] = {"keys": keys}


def _with_newer_calico(stack: Stack) -> None:
    text = CALICO_MANIFEST.replace("docker.io", "quay.io").replace("v3.28.5", "v3.31.7")
    manifest = Path(urlparse(stack["calico"]["manifestUrl"]).path).with_name("newer.yaml")
    manifest.write_text(text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    stack["calico"] = {"manifestUrl": manifest.as_uri(), "manifestSha256": sha256}


def _with_nftables(stack: Stack) -> None:
    stack["cluster"]["kubeProxyConfiguration"] = {"mode": "nftables"}


def _nothing(_: Stack) -> None:
    """The edit is of a secret."""


EDITS: dict[str, list[Callable[[Stack], None]]] = {
    "README.md": [_with_node4, _without_node3],
    "README.zh-CN.md": [_with_node4, _without_node3],
    "docs/tutorials/own-machines.md": [_new, _with_node4],
    "docs/tutorials/own-machines.zh-CN.md": [_new, _with_node4],
    "docs/tutorials/private-mirrors.md": [_lab],
    "docs/tutorials/private-mirrors.zh-CN.md": [_lab],
    "docs/tutorials/three-control-planes.md": [_with_three_control_planes, _without_node1, _without_a_dead_one],
    "docs/tutorials/etcd.md": [_with_recipient],
    "docs/how-to/add-worker.md": [_with_node4],
    "docs/how-to/remove-worker.md": [_without_node3],
    "docs/how-to/dead-machine.md": [_gone],
    "docs/how-to/change-settings.md": [_with_sysctl, _with_nftables],
    "docs/how-to/rotate-ssh-keys.md": [_with_another_key],
    "docs/how-to/rotate-registry-passwords.md": [_nothing],
    "docs/how-to/renew-certificates.md": [_renewed],
    "docs/how-to/upgrade-kubernetes.md": [_new],
    "docs/how-to/control-planes.md": [_one_becomes_three],
    "docs/how-to/encrypt-secrets.md": [_with_another_key_first],
    "docs/how-to/upgrade-calico.md": [_with_newer_calico],
}
"""Edits of the stack of a control plane and two workers, by page and block."""

BEFORE: dict[Callable[[Stack], None], str] = {
    _without_node1: "three",
    _without_a_dead_one: "three_again",
    _with_recipient: "without_recipient",
    _one_becomes_three: "one_and_a_worker",
    _with_another_key_first: "encrypted",
}
"""Clusters that edits change, where it is not the one of a control plane and two workers."""

CASES = [(page, number) for page, edits in EDITS.items() for number in range(len(edits))]


def blocks(page: str) -> list[list[str]]:
    """The lines of each plan of a page."""
    return [[line.strip() for line in block.splitlines()] for block in BLOCK.findall((REPOSITORY / page).read_text())]


def _stack(directory: Path) -> Stack:
    return stack_of(directory, "node2", "node3", version="1.35.4")


@pytest.fixture(scope="module")
def one(directory: Path) -> Recording:
    """One control plane and two workers of 1.35.4, up."""
    return record(_stack(directory), preview=False)


@pytest.fixture(scope="module")
def without_recipient(directory: Path) -> Recording:
    """The same, whose bundles are in the clear."""
    stack = _stack(directory)
    del stack["backup"]
    return record(stack, preview=False)


@pytest.fixture(scope="module")
def one_and_a_worker(directory: Path) -> Recording:
    """A control plane and a worker."""
    stack = _stack(directory)
    _one_and_a_worker(stack)
    return record(stack, preview=False)


@pytest.fixture(scope="module")
def encrypted(directory: Path) -> Recording:
    """The same as the first, with a key of Secrets."""
    stack = _stack(directory)
    _encrypted(stack)
    return record(stack, preview=False)


@pytest.fixture(scope="module")
def three(directory: Path, one: Recording) -> Recording:
    """Two control planes more, up."""
    stack = _stack(directory)
    _with_three_control_planes(stack)
    return record(stack, preview=False, before=one)


@pytest.fixture(scope="module")
def three_again(directory: Path, three: Recording) -> Recording:
    """The first one left, and came back."""
    two, stack = _stack(directory), _stack(directory)
    _without_node1(two)
    _with_three_control_planes(stack)
    return record(stack, preview=False, before=record(two, preview=False, before=three))


def last_update(request: pytest.FixtureRequest, edit: Callable[[Stack], None], page: str) -> LastUpdate:
    """The state before an edit of a page."""
    if edit is _lab or (edit is _new and "upgrade" not in page):
        return LastUpdate()
    return state_of(request.getfixturevalue(BEFORE.get(edit, "one")))


@pytest.mark.parametrize(("page", "number"), CASES)
def test_the_program_says_what_the_page_shows(
    directory: Path, request: pytest.FixtureRequest, page: str, number: int
) -> None:
    """In the same order; a page may leave lines out. Versions are those of the pages, where hosts come."""
    shown = blocks(page)[number]
    stack = _stack(directory)
    edit = EDITS[page][number]
    edit(stack)
    last = last_update(request, edit, page)
    if not last.steps:
        stack.pop("backup", None)
    plan = planned(stack, last, "fish-sword" if edit is _nothing else PASSWORD)
    plan = [line.replace("Kubernetes 1.35.4", "Kubernetes 1.36.3") for line in plan]
    assert [line for line in plan if line in shown] == shown, plan


def test_each_plan_on_a_page_is_of_a_known_edit() -> None:
    """A new plan has to be one of the program's."""
    pages = [path for path in REPOSITORY.rglob("*.md") if ".venv" not in path.parts and ".local" not in path.parts]
    found = {str(path.relative_to(REPOSITORY)): len(BLOCK.findall(path.read_text())) for path in pages}
    assert {page: count for page, count in found.items() if count} == {
        page: len(edits) for page, edits in EDITS.items()
    }
