"""An init or a join that was cut short is not taken for done: it is named with the way back, or reset where allowed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local import machines
from tests.faults.machines import FAULTS, on_machine
from tests.faults.runs import Run, assert_converged, follow, shows

POLICY = "kubeadm:policy: {resetOnFailure: true}"
CONTROL_PLANE, WORKER = list(FAULTS.machines)[:2]
MIDDLE_OF = {"init": "/etc/kubernetes/manifests/etcd.yaml", "join": "/etc/kubernetes/kubelet.conf"}
"""A file that kubeadm, or the kubelet it started, writes in the middle of a step."""


def kill_kubeadm(machine: str) -> None:
    """The step on the machine goes on and sees kubeadm fail."""
    on_machine(machine, "kill -KILL $(pidof kubeadm)")


def cut_power(machine: str) -> None:
    """The machine is switched off and on again; the kubelet does not come back by itself."""
    # At once, as without power. After `podman kill` its restart policy would start the machine beside us.
    command = ["podman", "stop", "--time", "0", FAULTS.container(machine)]
    subprocess.run(command, check=True, capture_output=True)
    machines.create(FAULTS)
    on_machine(machine, "systemctl stop kubelet")


def interrupted(run: Run, machine: str, step: str, by: Callable[[str], None]) -> str:
    """What a run says in which something happened to a machine in the middle of kubeadm's work."""
    run.wait_for(shows(f"{machine}/{step} creating"))
    freeze = "kill -STOP $(pidof kubeadm); systemctl stop kubelet; echo frozen"
    assert on_machine(machine, f"until [[ -e {MIDDLE_OF[step]} ]]; do sleep 0.01; done; {freeze}") == "frozen\n"
    by(machine)
    seen = run.error()
    if step == "join":
        # The kubelet may have been faster.
        kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
        on_machine(CONTROL_PLANE, f"{kubectl} delete node {machine} --ignore-not-found")
    return seen


@pytest.mark.parametrize("by", [kill_kubeadm, cut_power])
def test_a_half_done_init_or_join_is_named_with_the_command_that_resets_it(
    no_machines: None, tmp_path: Path, by: Callable[[str], None]
) -> None:
    """After that command `make up` converges."""
    seen = interrupted(Run(tmp_path), CONTROL_PLANE, "init", by)
    assert f"{CONTROL_PLANE}: init: expected " in seen
    seen = Run(tmp_path).error()
    assert f"{CONTROL_PLANE}: init: expected an init that went to its end, or none" in seen
    assert "saw an init of this stack that was cut short" in seen
    follow(seen, CONTROL_PLANE)

    seen = interrupted(Run(tmp_path), WORKER, "join", by)
    assert f"{WORKER}: join: expected " in seen
    seen = Run(tmp_path).error()
    assert f"{WORKER}: join: expected a join that went to its end, or none" in seen
    assert "saw a join of this stack that was cut short" in seen
    follow(seen, WORKER)

    Run(tmp_path).succeed()
    assert_converged()


def test_with_the_policy_a_plain_up_resets_what_is_half_done(no_machines: None, tmp_path: Path) -> None:
    """Nobody has to log in."""
    interrupted(Run(tmp_path, POLICY), CONTROL_PLANE, "init", cut_power)
    interrupted(Run(tmp_path, POLICY), WORKER, "join", cut_power)
    assert "the half-done init is reset" in on_machine(CONTROL_PLANE, "cat /var/log/pulumi-kubeadm/init.log")
    Run(tmp_path, POLICY).succeed()
    assert "the half-done join is reset" in on_machine(WORKER, "cat /var/log/pulumi-kubeadm/join.log")
    assert_converged()
