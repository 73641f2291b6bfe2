"""A replacement of a step, which would end a machine or its cluster, is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.settings.stack_file import parse_settings
from components.steps.answers import demand_answer
from components.steps.bring_scripts import bring_scripts
from components.steps.last_update import LastUpdate, RecordedStep
from components.steps.replaced import refuse_replacement
from components.steps.sealing import SealingKey
from components.steps.step import StepName
from components.steps.wanted import Wanted, wanted_steps
from components.steps.watch import Watch
from tests.unit.support.loops import finished
from tests.unit.support.stacks import smallest

HARMFUL = [("node1", StepName.PREPARE), ("node1", StepName.INIT), ("node2", StepName.MEMBERSHIP)]
OLD = {"create": "true"}
"""Inputs of a command that is updated; one that is created has none."""


def wanted_after(*recorded: tuple[str, StepName]) -> Wanted:
    """A control plane and a worker, some of whose steps the last update recorded."""
    stack: dict[str, Any] = smallest()
    stack["hosts"]["node2"] = stack["hosts"]["node1"] | {"address": "192.0.2.12", "role": "worker"}
    settings = parse_settings(stack)
    last = LastUpdate(steps={key: RecordedStep("", {}, "") for key in recorded})
    steps = wanted_steps(settings, last, [], "0123456789abcdef", "certificate")
    return Wanted("cluster", settings, last, "0123456789abcdef", SealingKey("certificate", ""), steps)


def call_of(host: str, name: StepName, old_inputs: dict[str, str] | None) -> Any:
    """The arguments of a hook."""
    return SimpleNamespace(name=f"cluster/{host}/{name}", urn=f"urn:{host}/{name}", old_inputs=old_inputs)


@pytest.fixture(autouse=True)
def stack_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the next command."""
    monkeypatch.setattr(pulumi, "get_stack", lambda: "shop")


@pytest.mark.parametrize(("host", "name"), HARMFUL)
@pytest.mark.parametrize("hook", [demand_answer, bring_scripts])
def test_a_step_that_is_recorded_is_not_created(
    monkeypatch: pytest.MonkeyPatch, hook: Callable[[Wanted, Watch], Any], host: str, name: StepName
) -> None:
    """By either hook before a step; no connection to the machine is opened."""
    callbacks: list[Any] = []
    monkeypatch.setattr(pulumi, "ResourceHook", lambda _, callback: callbacks.append(callback))
    wanted = wanted_after((host, name))
    hook(wanted, Watch(wanted.settings.ssh))
    with pytest.raises(pulumi.RunError) as refused:
        finished(callbacks[0](call_of(host, name, None)))
    problem = str(refused.value)
    assert problem.startswith(
        f"{host}: {name}: expected an update, which keeps what is there,\n  saw a replacement, by"
    )
    assert f"pulumi state untaint --stack shop 'urn:{host}/{name}' if it is tainted" in problem
    assert f"make repair STACK=shop HOST={host}" in problem


@pytest.mark.parametrize(("host", "name"), HARMFUL)
def test_a_first_creation_and_an_update_are_none(host: str, name: StepName) -> None:
    """An update knows the old inputs; a host that comes has no record."""
    recorded, fresh = wanted_after((host, name)), wanted_after()
    refuse_replacement(recorded.step(host, name), recorded, call_of(host, name, OLD))
    refuse_replacement(fresh.step(host, name), fresh, call_of(host, name, None))


@pytest.mark.parametrize(("host", "name"), [("node1", StepName.IMAGES), ("access", StepName.KUBECONFIG)])
def test_a_step_that_loses_nothing_may_be_replaced(host: str, name: StepName) -> None:
    """A replaced kubeconfig is another user."""
    wanted = wanted_after((host, name))
    refuse_replacement(wanted.step(host, name), wanted, call_of(host, name, None))
