"""Warnings of certificates that expire, and of hosts that wait for each other."""

from __future__ import annotations

import datetime as dt

import pytest

from components.review.expiry import expiry_dates, expiry_warning
from components.review.parallelism import slot_warning
from components.steps.last_update import LastUpdate
from tests.unit.support.planning import wanted_by
from tests.unit.support.stacks import Stack


@pytest.mark.parametrize(("day", "warned"), [("2099-11-02", False), ("2099-11-03", True), ("2100-06-01", True)])
def test_certificates_that_expire_within_sixty_days_are_warned_of(
    stack: Stack, last: LastUpdate, day: str, warned: bool
) -> None:
    """With the setting that renews them; the update that renews them warns no more."""
    today = dt.date.fromisoformat(day)
    warning = expiry_warning(wanted_by(stack, last), today)
    assert (warning is not None) == warned
    assert warning is None or "apiserver on 2100-01-01\n" in str(warning)
    assert warning is None or "cluster.certificateGeneration from 0 to 1" in str(warning)
    stack["cluster"]["certificateGeneration"] = 1
    assert expiry_warning(wanted_by(stack, last), today) is None


@pytest.mark.parametrize("end", range(len("certificate ca 2035-01-01")))
def test_the_day_of_a_result_that_is_cut_off_is_none(end: int) -> None:
    """Else `2` would be a day on which a certificate expired long ago."""
    printed = "certificate apiserver 2100-01-01\n" + "certificate ca 2035-01-01"[:end]
    assert expiry_dates([printed], "") == {"apiserver": "2100-01-01"}


def test_a_kubeconfig_that_expires_before_what_an_upgrade_renewed_is_warned_of(stack: Stack, last: LastUpdate) -> None:
    """The state keeps the old one, which opens the API no longer."""
    warning = expiry_warning(wanted_by(stack, last), dt.date(2100, 12, 1))
    assert warning is not None
    assert "the stack's kubeconfig on 2101-01-01" in str(warning)


@pytest.mark.parametrize(("slots", "warned"), [(None, False), (3, False), (2, True)])
def test_more_hosts_than_the_engine_has_slots_are_warned_of(stack: Stack, slots: int | None, warned: bool) -> None:
    """With the option that gives each host one; an update that changes no host warns of nothing."""
    warning = slot_warning(wanted_by(stack, LastUpdate()), slots)
    assert (warning is not None) == warned
    assert warning is None or "Next: pulumi up --parallel 3, or PULUMI_PARALLEL=3" in str(warning)


def test_hosts_that_do_not_change_need_no_slots(stack: Stack, last: LastUpdate) -> None:
    """A stack of a hundred hosts has its plan alone in a preview that changes one."""
    assert slot_warning(wanted_by(stack, last), 1) is None
