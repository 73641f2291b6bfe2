"""Control planes that an update made members of etcd."""

from __future__ import annotations

from collections.abc import Collection

from components.settings import Host, Settings
from components.steps.step import NODE_STEPS, StepName


def members_of(settings: Settings, recorded: Collection[tuple[str, StepName]]) -> list[Host]:
    """The control planes of the stack file that are members since an earlier update, also on machines that are gone.

    Args:
        settings: the settings of the stack.
        recorded: host and name of each step of the last update.
    """
    return [host for host in settings.control_planes if any((host.name, step) in recorded for step in NODE_STEPS)]
