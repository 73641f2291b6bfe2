"""Clients of the API server go to another control plane while theirs restarts, and come back, or a warning follows."""

from __future__ import annotations

import pytest

from tests.scripts.machine import Machine

LIBRARIES = "".join(f'. "$LIBRARY/lib/{name}.sh"\n' for name in ("lib", "etcd", "vip", "clients"))
MEMBERS = "\\n".join(f"{number} 192.0.2.1{number} https://192.0.2.1{number}:2379 false" for number in (1, 2, 3))
DIVERT = f"{LIBRARIES}ask_members() {{ ANSWER=$(printf '{MEMBERS}'); }}\ndivert_clients"
LET_IN = f"{LIBRARIES}let_clients_in"
IN_A_TRAP = f"{LIBRARIES}trap let_clients_in EXIT\nfalse"
WANTED = "expected iptables to let clients of the API server in again,\n  saw "
COMMENT = "--comment PULUMI-KUBEADM-API"
HOOK = f"PREROUTING -p tcp -m tcp --dport 6443 -m addrtype --dst-type LOCAL -m comment {COMMENT} -j PULUMI-KUBEADM-API"
BACK = f"POSTROUTING -p tcp -m conntrack --ctstate DNAT --ctorigdstport 6443 -m comment {COMMENT} -j MASQUERADE"
THROUGH = f"FORWARD -p tcp -m conntrack --ctstate DNAT --ctorigdstport 6443 -m comment {COMMENT} -j ACCEPT"
SAVED = f"""\
*filter
:FORWARD ACCEPT [0:0]
-A {THROUGH}
-A FORWARD -s 198.51.100.1/32 -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:PULUMI-KUBEADM-API - [0:0]
-A {HOOK}
-A {HOOK}
-A PREROUTING -j KUBE-SERVICES
-A {BACK}
-A PULUMI-KUBEADM-API -s 192.0.2.12/32 -m comment {COMMENT} -j RETURN
-A PULUMI-KUBEADM-API -p tcp -m comment {COMMENT} -j DNAT --to-destination 192.0.2.12:6443
COMMIT
"""
"""What iptables-save prints of a machine on which two runs were cut short."""
DELETED = f"""\
*filter
-D {THROUGH}
COMMIT
*nat
:PULUMI-KUBEADM-API - [0:0]
-D {HOOK}
-D {HOOK}
-D {BACK}
-X PULUMI-KUBEADM-API
COMMIT
"""


def run(machine: Machine, script: str) -> tuple[int, str]:
    """Status and messages of a step of the first of three control planes."""
    machine.script("clients", script)
    finished = machine.run("clients", {"NODE_IP": "192.0.2.11"})
    return finished.status, finished.stderr


@pytest.fixture
def diverted(machine: Machine) -> Machine:
    """A machine with rules of runs that were cut short; what iptables gets is kept."""
    machine.write("/saved", SAVED)
    machine.stub("iptables-save", 'cat "$ROOT/saved"')
    machine.stub("iptables-restore", 'cat >"$ROOT/restored"')
    return machine


def test_another_control_plane_serves_all_but_control_planes(machine: Machine) -> None:
    """Those look whether this API server serves, and two machines that divert to each other make no circle."""
    assert run(machine, DIVERT) == (0, "")
    chain = [line for line in machine.path("/detour").read_text().splitlines() if line.startswith("-A PULUMI")]
    assert chain == [
        f"-A PULUMI-KUBEADM-API --source 192.0.2.12 --match comment {COMMENT} --jump RETURN",
        f"-A PULUMI-KUBEADM-API --source 192.0.2.13 --match comment {COMMENT} --jump RETURN",
        f"-A PULUMI-KUBEADM-API --protocol tcp --match comment {COMMENT} --jump DNAT --to-destination 192.0.2.12:6443",
    ]


def test_each_rule_of_an_earlier_run_is_deleted_without_a_word(diverted: Machine) -> None:
    """Several runs may have been cut short; rules of others stay."""
    assert run(diverted, LET_IN) == (0, "")
    assert diverted.path("/restored").read_text() == DELETED


def test_where_no_rule_is_ours_iptables_changes_nothing(diverted: Machine) -> None:
    """As after a reboot."""
    others = "\n".join(line for line in SAVED.splitlines() if "PULUMI" not in line)
    diverted.write("/saved", others)
    assert run(diverted, LET_IN) == (0, "")
    assert not diverted.path("/restored").exists()


@pytest.mark.parametrize(
    ("program", "answer", "seen"),
    [
        ("iptables-save", 'echo "Fatal: cannot lock" >&2; exit 4', "Fatal: cannot lock"),
        ("iptables-save", "exit 3", "nothing of iptables"),
        ("iptables-restore", 'echo "no delete" >&2; exit 1', "no delete"),
    ],
    ids=["lock", "silent", "delete"],
)
def test_a_rule_that_may_stay_is_reported(diverted: Machine, program: str, answer: str, seen: str) -> None:
    """Another control plane would serve the clients of this one until a reboot."""
    diverted.stub(program, answer)
    status, errors = run(diverted, LET_IN)
    assert status == 0
    assert f"{WANTED}{seen}" in errors
    assert "iptables --table nat --flush PULUMI-KUBEADM-API" in errors


def test_a_rule_that_may_stay_is_reported_by_a_step_that_fails(diverted: Machine) -> None:
    """The step ends with its own error, and the machine takes part in the virtual address."""
    diverted.write("/var/lib/pulumi-kubeadm/vip-runs-with", "x")
    diverted.stub("systemctl", "[[ $* != *is-active* ]]")
    diverted.stub("iptables-save", "exit 4")
    status, errors = run(diverted, IN_A_TRAP)
    assert status == 1
    assert WANTED in errors
    assert "systemctl start kubernetes-vip-keepalived.service" in diverted.calls()


def test_a_kernel_without_such_rules_does_not_end_the_step(machine: Machine) -> None:
    """As a machine without iptables: requests may fail, and the virtual address is not left behind."""
    machine.stub("iptables-restore", 'echo "no DNAT" >&2; exit 2')
    status, errors = run(machine, DIVERT)
    assert status == 0, errors
    expected = "requests may fail while etcd restarts: iptables leads them nowhere else, and says: no DNAT"
    assert f"node1: {expected}" in errors
