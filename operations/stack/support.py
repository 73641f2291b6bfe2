"""Fail where the patches of the default Kubernetes version end within 60 days."""

from __future__ import annotations

import argparse
import datetime as dt

from components.review.support import NOTICE, near_end
from components.settings.cluster import Cluster
from problem import StepError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--today", type=dt.date.fromisoformat, help="date of the comparison, such as 2026-11-26; today by default"
    )


def run(arguments: argparse.Namespace) -> None:
    """Compare the end of the default version with a date.

    Raises:
        StepError: the end is near, or was.
    """
    version = Cluster.model_fields["kubernetes_version"].default
    end = near_end(version, arguments.today or dt.datetime.now(tz=dt.UTC).date())
    if end:
        raise StepError(
            f"default version {version}",
            expected=f"patches for more than {NOTICE.days} days",
            seen=end,
            next_command="make e2e with a newer version, and raise the default in components/settings/cluster.py",
        )
    print(f"The default version {version} has patches for more than {NOTICE.days} days.")
