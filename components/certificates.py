"""When the certificates of the control plane expire, and the warning before they do."""

from __future__ import annotations

import datetime as dt

import pulumi

from components.control_plane import init_step
from components.last_update import LastUpdate
from components.settings import Settings

WARN_DAYS = 60


def expiry_dates(printed: str) -> dict[str, str]:
    """Day on which each certificate expires, by name; from what the step `init` returns."""
    words = [line.split() for line in printed.splitlines()]
    return {each[1]: each[2] for each in words if len(each) == 3 and each[0] == "certificate"}


def warn_of_expiry(settings: Settings, last: LastUpdate) -> None:
    """Certificates that expire within 60 days are in the log of every preview and update."""
    today = dt.datetime.now(tz=dt.UTC).date()
    warning = expiry_warning(settings, last, today)
    if warning:
        pulumi.log.warn(warning)


def expiry_warning(settings: Settings, last: LastUpdate, today: dt.date) -> str | None:
    """What expires soon, as the last update saw it; None where nothing does."""
    recorded = last.commands.get(init_step(settings).name)
    if recorded is None or is_renewed(settings, last):
        return None
    limit = (today + dt.timedelta(days=WARN_DAYS)).isoformat()
    soon = {name: day for name, day in expiry_dates(recorded.stdout).items() if day < limit}
    if not soon:
        return None
    listed = ", ".join(f"{name} on {day}" for name, day in sorted(soon.items(), key=lambda each: each[1]))
    generation = settings.cluster.certificate_generation
    return (
        f"certificates: expected more than {WARN_DAYS} days of life, saw that these expire: {listed}.\n"
        f"  Next: raise cluster.certificateGeneration from {generation} to {generation + 1}, then pulumi up"
    )


def is_renewed(settings: Settings, last: LastUpdate) -> bool:
    """Whether this update renews them."""
    before = last.value(init_step(settings).name, "CERTIFICATE_GENERATION")
    return before != str(settings.cluster.certificate_generation)
