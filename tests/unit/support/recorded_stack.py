"""A stack as its last update left it, for commands that run scripts on hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.settings import Settings
from components.settings.stack_file import parse_settings
from components.steps.step import StepName
from operations.stack.commands import StackCommands
from tests.unit.support.stacks import SHOP, Stack


@dataclass(frozen=True)
class RecordedStack:
    """As SelectedStack, of the stack `shop`.

    Attributes:
        content: the stack file.
        recorded: standard input of each step.
    """

    content: Stack
    recorded: Mapping[tuple[str, StepName], str]
    name: str = "shop"
    commands: StackCommands = SHOP

    def settings(self) -> Settings:
        """The settings in the stack file."""
        return parse_settings(self.content)

    def recorded_inputs(self) -> Mapping[tuple[str, StepName], str]:
        """Standard input of each step."""
        return self.recorded
