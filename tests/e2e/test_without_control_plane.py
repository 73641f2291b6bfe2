"""The control plane's machine is lost, and with it the cluster. The last tests: they leave none behind."""

from __future__ import annotations

import pytest

from local import machines
from tests.e2e.conftest import E2E, Cluster, machine_names


def test_the_stack_of_a_lost_control_plane_can_be_destroyed(live: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the runbook says; no other machine is visited."""
    first, *others = machine_names()
    before = {machine: live.logins(machine) for machine in others}
    machines.delete_machine(E2E, first)
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    live.stack.destroy()
    assert {machine: live.logins(machine) for machine in others} == before
