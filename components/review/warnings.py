"""Warnings: what no update refuses, and a reviewer reads in the log of every preview and update."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator

import pulumi

from components.review.addons import hook_warnings, missing_warnings, removed_warnings
from components.review.departures import forgotten_warnings, vote_warnings
from components.review.direct_way import proxy_warning
from components.review.eviction import eviction_warning
from components.review.expiry import expiry_warning
from components.review.parallelism import slot_warning
from components.review.registries import registry_warning, unnamed_images
from components.review.support import support_warnings
from components.steps.wanted import Wanted
from problem import Problem


def warn(wanted: Wanted) -> None:
    """Log the warnings, in their order."""
    for warning in filter(None, _warnings(wanted)):
        pulumi.log.warn(str(warning))


def _warnings(wanted: Wanted) -> Iterator[Problem | None]:
    settings, today = wanted.settings, dt.datetime.now(tz=dt.UTC).date()
    slots = pulumi.runtime.settings.SETTINGS.parallel
    yield from vote_warnings(wanted)
    yield from forgotten_warnings(wanted)
    yield from support_warnings(wanted, today)
    yield from hook_warnings(settings)
    yield from removed_warnings(settings)
    yield from missing_warnings(wanted)
    yield registry_warning(settings)
    yield from unnamed_images(settings)
    yield eviction_warning(settings)
    yield expiry_warning(wanted, today)
    yield slot_warning(wanted, int(slots) if slots else None)
    yield proxy_warning(wanted.control_planes.leader, settings, os.environ)
