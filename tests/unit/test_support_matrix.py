"""The support matrix of the README, in both languages: versions are those of the code and of the local machines."""

from __future__ import annotations

import re

import pytest

from components.settings.support import KUBERNETES as MINORS
from components.settings.versions import FIRST_MINOR_WITH_ETCD_LEARNERS, default_calico
from local.machines.debian_sources import CODENAMES
from local.mirror.versions import CONTAINERD, KUBERNETES, RELEASES
from local.paths import REPOSITORY

PAGES = {"README.md": "| | versions |", "README.zh-CN.md": "| | 版本 |"}
"""Begin of the head of the matrix, by page."""

VERSION = re.compile(r"\d+(?:\.\d+)+")


def rows(page: str) -> list[list[str]]:
    """Cells of the matrix, without its head and without targets of links."""
    text = re.sub(r"\]\([^)]*\)", "]", (REPOSITORY / page).read_text())
    table = text[text.index(PAGES[page]) :].partition("\n\n")[0].splitlines()[2:]
    return [line.strip("| ").split(" | ") for line in table]


@pytest.mark.parametrize("page", PAGES)
def test_the_versions_of_the_matrix_are_those_of_the_code(page: str) -> None:
    """And what end-to-end tests run with is what the mirror builds."""
    kubernetes, machines, containerd, network, control_planes = rows(page)
    assert VERSION.findall(kubernetes[1]) == [f"1.{min(MINORS)}", f"1.{max(MINORS)}"]
    assert VERSION.findall(kubernetes[2])[0] == KUBERNETES
    assert set(VERSION.findall(kubernetes[2])) <= set(RELEASES)
    assert set(re.findall(r"\b1\d\b", machines[2])) == {str(release) for release in CODENAMES}
    oldest = min(minor.oldest_containerd for minor in MINORS.values())
    assert VERSION.findall(containerd[1])[0] == ".".join(map(str, oldest))
    assert CONTAINERD.rpartition(".")[0] in VERSION.findall(containerd[2])
    minor = KUBERNETES.rpartition(".")[0]
    assert VERSION.findall(network[2]) in (
        [default_calico(KUBERNETES), minor, RELEASES[KUBERNETES].calico.version],
        [minor, default_calico(KUBERNETES), RELEASES[KUBERNETES].calico.version],
    )
    assert VERSION.findall(control_planes[1]) == [f"1.{FIRST_MINOR_WITH_ETCD_LEARNERS}"]
