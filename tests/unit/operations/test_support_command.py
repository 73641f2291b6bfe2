"""The command of the weekly job."""

from __future__ import annotations

import datetime as dt

import pytest

from components.settings.cluster import Cluster
from components.settings.support import KUBERNETES
from components.settings.versions import minor_of
from operations.__main__ import main


@pytest.mark.parametrize(("days", "fails"), [(61, False), (60, True), (-1, True)])
def test_the_weekly_job_fails_from_60_days_before_the_end_of_the_default_version(
    days: int, fails: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its message names the version and its end."""
    default = Cluster.model_fields["kubernetes_version"].default
    end = KUBERNETES[minor_of(default)].end
    status = main(["support", "--today", str(end - dt.timedelta(days=days))])
    printed = capsys.readouterr()
    assert status == (1 if fails else 0)
    assert default in (printed.err if fails else printed.out)
    assert (str(end) in printed.err) == fails
