"""Replacements of steps: refused before anything runs, where a machine or its cluster would be lost.

Nothing in this program replaces a step. `pulumi up --replace` and a tainted state do, and so does another program that
puts its cluster below another component without an alias, or a transform.
"""

from __future__ import annotations

import pulumi

from components.steps.step import Step, StepName
from components.steps.wanted import Wanted
from problem import Problem

LOST_BY_REPLACEMENT = {
    StepName.PREPARE: "would reset the machine",
    StepName.MEMBERSHIP: "would take the node out of the cluster",
    StepName.INIT: "would initialise a cluster where the machine has lost its own",
    StepName.JOIN: "would begin the join again",
}
"""Harm of a replacement, by step. The old command is deleted last, so a hook before the new one ends it in time."""


def refuse_replacement(step: Step, wanted: Wanted, arguments: pulumi.ResourceHookArgs) -> None:
    """Refuse the creation of a command that the last update recorded.

    Raises:
        pulumi.RunError: with the way out. Nothing was run, and the state is as before.
    """
    harm = LOST_BY_REPLACEMENT.get(step.name)
    if harm is None or arguments.old_inputs is not None or wanted.last.step(*step.key) is None:
        return
    stack = pulumi.get_stack()
    problem = Problem(
        f"{step.subject}: {step.name}",
        expected="an update, which keeps what is there",
        seen=f"a replacement, by --replace, a taint, or another name or parent in the program, which {harm}",
        next_command=f"pulumi up --stack {stack} without --replace, after pulumi state untaint --stack {stack}"
        f" '{arguments.urn}' if it is tainted; make repair STACK={stack} HOST={step.subject} runs its steps again",
    )
    raise pulumi.RunError(str(problem))
