"""Edits of the chaos run, without machines: each leaves a stack file that the program takes; a seed repeats them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from components.settings.stack_file import parse_settings
from local import machines, mirror
from local.paths import REPOSITORY
from tests.chaos import edits, faults
from tests.chaos.model import Model
from tests.chaos.update import CHAOS

Run = Callable[[int], list[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The edits that a seed chooses; after each the stack file is read as the program reads it."""
    for module, name in ((machines, "create"), (machines, "delete_machine"), (mirror, "serve")):
        monkeypatch.setattr(module, name, lambda *_: None)
    (tmp_path / "mirror").mkdir()
    environment = SimpleNamespace(
        name="chaos", machines=CHAOS.machines, directory=tmp_path, address=CHAOS.address, container=CHAOS.container
    )
    stack: Any = SimpleNamespace(file=tmp_path / "stack.yaml", environment=environment, pulumi=lambda *_, **__: "")

    def chosen(seed: int) -> list[str]:
        content = yaml.safe_load((REPOSITORY / "Pulumi.dev.yaml").read_text())
        content["config"].pop("kubeadm:ssh")  # it names files of `make up`
        stack.file.write_text(yaml.safe_dump(content))
        control_plane, *workers = CHAOS.machines
        model, chance = Model(control_plane, set(workers)), random.Random(seed)  # noqa: S311 (nothing secret)
        return [_edited(model, stack, chance) for _ in range(60)]

    return chosen


def _edited(model: Model, stack: Any, chance: random.Random) -> str:
    described = edits.edit(model, stack, chance)
    config = yaml.safe_load(stack.file.read_text())["config"]
    hosts = config["kubeadm:hosts"]
    assert hosts.keys() == {*model.nodes, *model.gone}
    assert {name for name, host in hosts.items() if host.get("gone")} == model.gone
    assert {*model.nodes, *model.gone, *model.out} == CHAOS.machines.keys()
    for host in hosts.values():
        host["hostKey"] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5" + str(host["address"]).rpartition(".")[2]
    parse_settings({key.removeprefix("kubeadm:"): value for key, value in config.items()})
    return described


def test_every_edit_leaves_a_stack_file_that_the_program_takes(run: Run) -> None:
    """Each kind is among those that one seed chooses."""
    seen = " ".join(run(1))
    for kind in ("remove", "add", "lose", "bring", "label", "maxPods", "argument", "sysctl", "password", "upgrade"):
        assert kind in seen, kind


def test_a_seed_repeats_its_edits(run: Run) -> None:
    """Another one chooses others."""
    assert run(2) == run(2) != run(3)


def test_every_fault_is_chosen() -> None:
    """Each is in the documentation."""
    text = (REPOSITORY / "docs" / "reliability.md").read_text()
    assert [fault.__name__ for fault in faults.FAULTS if f"`{fault.__name__}`" not in text] == []
