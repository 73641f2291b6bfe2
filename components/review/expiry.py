"""The days on which certificates of the control plane expire, and the warning before the first day."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from components.steps.of_control_plane import KUBECONFIG_OWNER
from components.steps.step import StepName
from components.steps.wanted import Wanted
from problem import Problem

WARN_DAYS = 60


KUBECONFIG = "the stack's kubeconfig"
"""An upgrade renews what the control plane uses, and not the certificate of the stack's own user."""


def expiry_dates(printed: Sequence[str], kubeconfig: str) -> dict[str, str]:
    """Day on which the first certificate of each name expires, by name.

    Args:
        printed: output of the step `init` or `join` of each control plane.
        kubeconfig: output of the step `kubeconfig`.
    """
    # A result may be cut off in the middle of a day.
    found = [each for text in printed for each in re.findall(r"(?m)^certificate (\S+) (\d{4}-\d\d-\d\d)$", text)]
    dates = {name: min(day for other, day in found if other == name) for name, _ in found}
    first_line = kubeconfig.partition("\n")[0]
    return dates | ({KUBECONFIG: first_line.split()[2]} if first_line.startswith("# expires ") else {})


def expiry_warning(wanted: Wanted, today: dt.date) -> Problem | None:
    """The warning of certificates that expire soon, from the last update; None if this update renews them."""
    members = wanted.control_planes.members
    steps = [(host.name, wanted.node_step(host)) for host in members]
    if not members or any("CERTIFICATE_GENERATION" in wanted.changed_variables(*step) for step in steps):
        return None
    printed = [recorded.stdout for step in steps if (recorded := wanted.last.step(*step))]
    limit = (today + dt.timedelta(days=WARN_DAYS)).isoformat()
    dates = expiry_dates(printed, wanted.last.secret_result(KUBECONFIG_OWNER, StepName.KUBECONFIG))
    soon = {name: day for name, day in dates.items() if day < limit}
    if not soon:
        return None
    listed = ", ".join(f"{name} on {day}" for name, day in sorted(soon.items(), key=lambda each: each[1]))
    generation = wanted.settings.cluster.certificate_generation
    return Problem(
        "certificates",
        expected=f"no certificate to expire within {WARN_DAYS} days",
        seen=listed,
        next_command=f"raise cluster.certificateGeneration from {generation} to {generation + 1}, then pulumi up",
    )
