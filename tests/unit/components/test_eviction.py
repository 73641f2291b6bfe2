"""A threshold of eviction that a stack names does not switch the others off without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.review.eviction import DEFAULTS, eviction_warning
from components.settings.stack_file import parse_settings
from local.host_exceptions import ABSOLUTE_THRESHOLDS
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import Stack, smallest


def with_kubelet(stack: Stack, **document: Any) -> Stack:
    """The stack with a part of the kubelet's configuration."""
    return stack | {"cluster": stack["cluster"] | {"kubeletConfiguration": document}}


def test_one_threshold_names_the_others_that_it_switches_off() -> None:
    """With the values that the kubelet has by itself."""
    stack = with_kubelet(smallest(), evictionHard={"nodefs.available": "2Gi"})
    warning = str(eviction_warning(parse_settings(stack)))
    assert "without memory.available and nodefs.inodesFree and imagefs.available switches these off" in warning
    assert "add `memory.available: 100Mi`, `nodefs.inodesFree: 5%`, `imagefs.available: 15%`" in warning


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"evictionHard": {}},
        {"evictionHard": None},
        {"evictionHard": dict(DEFAULTS)},
        {"evictionHard": DEFAULTS | {"nodefs.inodesFree": "0%"}},
        {"evictionHard": {"nodefs.available": "2Gi"}, "mergeDefaultEvictionSettings": True},
        {"evictionSoft": {"nodefs.available": "2Gi"}},
        ABSOLUTE_THRESHOLDS,
    ],
)
def test_thresholds_that_are_all_said_or_all_the_kubelets_are_passed_over(document: dict[str, Any]) -> None:
    """Those of local machines, too."""
    assert eviction_warning(parse_settings(with_kubelet(smallest(), **document))) is None


def test_a_preview_warns_of_it(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the other warnings."""
    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", logged.append)
    stack = with_kubelet(stack_of(directory), evictionHard={"nodefs.available": "2Gi"})
    record(stack, preview=True)
    assert len([each for each in logged if "kubeletConfiguration.evictionHard" in each]) == 1
