"""Stack files in the examples of pages: the program takes each, with the files that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.settings.stack_file import parse_settings
from tests.unit.support.stacks import CA, KEY, RECIPIENT, Stack, smallest
from tests.unit.test_documentation import PAGES, name_of, settings_in

FILES = {
    "hub-ca.crt": CA,
    "backup.crt": RECIPIENT,
    "manifests/quotas.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: quotas}}",
}
ELSEWHERE = {"docs/configuration.md"}
"""Pages whose examples need one another: test_configuration_examples.py has them as one stack file."""


def whole(example: dict[str, Any]) -> Stack:
    """A stack file of which a page shows a part."""
    stack = smallest()
    sections = {key.removeprefix("kubeadm:"): section for key, section in example.items()}
    hosts = sections.pop("hosts", {})
    if not any(host.get("role") == "control-plane" and not host.get("gone") for host in hosts.values()):
        hosts = stack["hosts"] | hosts
    for number, name in enumerate(hosts):
        hosts[name] = hosts[name] | {"hostKey": f"{KEY}{number}"}
    return stack | sections | {"hosts": hosts, "cluster": stack["cluster"] | sections.get("cluster", {})}


@pytest.mark.parametrize("page", [page for page in PAGES if name_of(page) not in ELSEWHERE], ids=name_of)
def test_the_settings_take_each_example_of_a_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all contradictions that the schema of editors does not know."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for example in settings_in(page.read_text()):
        parse_settings(whole(example))


def test_the_examples_of_the_tutorials_are_found() -> None:
    """Otherwise the test above would prove nothing."""
    found = {name_of(page): len(list(settings_in(page.read_text()))) for page in PAGES}
    assert found["docs/tutorials/private-mirrors.md"] == found["docs/tutorials/private-mirrors.zh-CN.md"] == 2
    assert found["docs/tutorials/three-control-planes.md"] == 3
    assert whole({"kubeadm:hosts": {"node2": {"address": "192.0.2.12"}}})["hosts"].keys() == {"node1", "node2"}
