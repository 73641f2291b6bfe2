"""A warning where the engine runs fewer commands at a time than there are hosts to change.

The engine alone chooses how many operations run at a time: --parallel, PULUMI_PARALLEL, or four for each core
(pulumi pkg/cmd/pulumi/operations/up.go 3.259). A project or a program cannot.
"""

from __future__ import annotations

from components.steps.step import StepName
from components.steps.wanted import Wanted
from problem import Problem


def slot_warning(wanted: Wanted, slots: int | None) -> Problem | None:
    """The warning; None where every host that changes has a slot, or where the engine does not say how many it has."""
    changing = [
        host.name
        for host in wanted.settings.hosts.values()
        if not host.gone and not wanted.is_unchanged(wanted.step(host.name, StepName.PREPARE))
    ]
    if slots is None or len(changing) <= slots:
        return None
    return Problem(
        "pulumi",
        expected=f"to prepare {len(changing)} hosts at the same time",
        seen=f"{slots} operations at a time",
        next_command=f"pulumi up --parallel {len(changing)}, or PULUMI_PARALLEL={len(changing)} in the environment",
    )
