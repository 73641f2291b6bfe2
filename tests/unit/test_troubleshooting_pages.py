"""Words that the pages of troubleshooting quote: a program prints them, and both languages quote the same ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from local.paths import REPOSITORY

PAGES = ("docs/troubleshooting.md", "docs/troubleshooting.zh-CN.md")
FOLDERS = ("components", "operations", "scripts", "local")
OF_OTHERS = {
    "Cannot detect current cgroup on cgroup v2": "kubelet",
    "failed to get sandbox image": "containerd",
    "Error getting node … not found": "kubelet",
    "unknown service runtime.v1.RuntimeService": "containerd",
    "Container runtime network not ready": "kubelet",
    "Metric client health check failed": "the dashboard",
    "Forbidden": "the API server",
    "couldn't validate the identity of the API Server": "kubeadm",
    "401 Unauthorized": "a registry",
    "Unauthorized": "kubectl",
    "x509: certificate signed by unknown authority": "containerd",
    "not found": "a registry",
    "node-role.kubernetes.io/control-plane": "the scheduler",
    "the stack is currently locked": "Pulumi",
    "pending operations from previous deployment": "Pulumi",
    "pulumi: command not found": "a shell",
    "PULUMI_ACCESS_TOKEN must be set for login": "Pulumi",
    "no stack named 'shop' found": "Pulumi",
    "passphrase must be set": "Pulumi",
    "incorrect passphrase": "Pulumi",
}
"""Quoted words of other programs, and who prints them."""


def quotes(page: str) -> Iterator[str]:
    """Code in the first column of each table with symptoms, in the order of the page."""
    for line in (REPOSITORY / page).read_text().splitlines():
        if line.startswith("| ") and len(cells := line.strip("| ").split(" | ")) == 3:
            yield from re.findall(r"`([^`]+)`", cells[0])


def test_each_quoted_message_is_one_of_the_code_or_of_a_named_program() -> None:
    """A message that is written anew is quoted anew; one that no page quotes any more leaves the list."""
    files = [path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*") if path.suffix in {".py", ".sh"}]
    text = "\n".join(path.read_text() for path in files)
    quoted = set(quotes(PAGES[0]))
    assert len(quoted) > 50
    assert {each for each in quoted - set(OF_OTHERS) if each not in text} == set()
    assert set(OF_OTHERS) - quoted == set()


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_quote_the_same_words(page: str) -> None:
    """In the same order: messages are English, and a reader searches for their words."""
    assert list(quotes(page)) == list(quotes(PAGES[0]))


def test_the_page_of_drift_names_what_a_repair_leaves() -> None:
    """As the script calls it: each file of the owner of a machine, which only the owner takes out."""
    script = (REPOSITORY / "scripts/steps/drift.sh").read_text()
    left = re.findall(r'differs "([^"$]+?) ?(?:\$[^"]*)?" [^\n]*\$by_hand"', script)
    page = (REPOSITORY / "docs/how-to/drift-and-repair.md").read_text()
    rows = page.partition("| `make drift` names | the file |")[2].partition("\n\n")[0]
    assert left
    assert [name for name in [*left, "what containerd reads"] if f"| `{name}" not in rows] == []
