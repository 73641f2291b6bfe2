"""Clients of the API server that are turned away come in again, or somebody is told."""

from __future__ import annotations

import pytest

from tests.scripts.machine import Machine

LIBRARIES = "".join(f'. "$LIBRARY/lib/{name}.sh"\n' for name in ("lib", "vip", "clients"))
IN_A_TRAP = f"{LIBRARIES}trap let_clients_in EXIT\nfalse"
WANTED = "expected iptables to let clients of the API server in again,\n  saw "


def told(machine: Machine, script: str, answer: str) -> tuple[int, str, list[str]]:
    """Status, messages and calls of a step, where iptables answers with this."""
    machine.stub("iptables", answer)
    machine.script("clients", script)
    finished = machine.run("clients")
    return finished.status, finished.stderr, machine.calls()


def test_each_rule_of_an_earlier_run_is_deleted_without_a_word(machine: Machine) -> None:
    """Several runs may have been cut short."""
    machine.write("/rules", "xx")
    status, said, calls = told(
        machine,
        f"{LIBRARIES}let_clients_in",
        '[[ -s $ROOT/rules ]] || exit 1\n[[ $* != *--delete* ]] || truncate --size -1 "$ROOT/rules"',
    )
    assert (status, said) == (0, "")
    assert len([call for call in calls if "--delete" in call]) == 2


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ('echo "Fatal: cannot lock" >&2; exit 4', "Fatal: cannot lock"),
        ("exit 3", "nothing of iptables"),
        ('[[ $* != *--delete* ]] || { echo "no delete" >&2; exit 1; }', "no delete"),
    ],
    ids=["lock", "silent", "delete"],
)
def test_a_rule_that_may_stay_is_told(machine: Machine, answer: str, seen: str) -> None:
    """It would refuse every client from another machine until a reboot."""
    status, said, _ = told(machine, f"{LIBRARIES}let_clients_in", answer)
    assert status == 0
    assert f"{WANTED}{seen}" in said
    assert "iptables --delete INPUT NUMBER" in said


def test_a_rule_that_may_stay_is_told_by_a_step_that_fails(machine: Machine) -> None:
    """The step ends with its own error, and the machine takes part in the virtual address."""
    machine.write("/var/lib/pulumi-kubeadm/vip-runs-with", "x")
    machine.stub("systemctl", "[[ $* != *is-active* ]]")
    status, said, calls = told(machine, IN_A_TRAP, "exit 4")
    assert status == 1
    assert WANTED in said
    assert "systemctl start kubernetes-vip-keepalived.service" in calls


def test_a_kernel_that_cannot_refuse_does_not_end_the_step(machine: Machine) -> None:
    """As a machine without iptables: requests may fail, and the virtual address is not left behind."""
    script = f'{LIBRARIES}. "$LIBRARY/lib/etcd.sh"\nask_members() {{ ANSWER=$(printf "a\\nb"); }}\nturn_clients_away'
    status, said, _ = told(machine, script, '[[ $* != *--insert* ]] || { echo "no REJECT" >&2; exit 2; }')
    assert status == 0, said
    assert (
        "node1: requests may fail while etcd restarts: iptables does not turn clients away, and says: no REJECT" in said
    )
