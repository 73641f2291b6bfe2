"""A machine is reset when its node has left, and as a whole."""

from __future__ import annotations

import pytest

from tests.scripts.cluster import calls_in_order, position
from tests.scripts.machine import Machine
from tests.scripts.preparation import HOSTS, RESET

PROGRAMS = ("ip", "iptables-save", "ip6tables-save", "apt-mark", "swapon", "systemctl")


@pytest.fixture
def owned(machine: Machine) -> Machine:
    """A machine of the cluster, whose programs find nothing to do."""
    machine.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    machine.write("/etc/hosts", HOSTS)
    for program in PROGRAMS:
        machine.stub(program)
    return machine


def test_a_node_that_is_still_registered_is_not_reset(owned: Machine) -> None:
    """Its machine was off when its node was deleted, and registered it again when it was started."""
    owned.write("/etc/kubernetes/kubelet.conf", "")
    owned.stub("kubectl", "echo node/node1")
    finished = owned.run("reset", RESET)
    assert finished.status == 1
    assert "kubectl delete node node1; then pulumi up" in finished.stderr
    assert owned.path("/etc/kubernetes/kubelet.conf").exists()


def test_a_kubelet_that_starts_registers_no_node_behind_the_look(owned: Machine) -> None:
    """As after a boot: the machine would be reset, and its node stay. A node that is not reset keeps its kubelet."""
    owned.write("/etc/kubernetes/kubelet.conf", "")
    owned.stub("kubectl", "echo node/node1")
    assert owned.run("reset", RESET).status == 1
    assert calls_in_order(owned, "systemctl stop kubelet", "kubectl --kubeconfig ", "systemctl start kubelet")
    owned.stub("kubectl")
    assert owned.run("reset", RESET).status == 0
    calls = owned.calls()
    assert calls.index("systemctl stop kubelet") < position(calls, "get node node1")
    assert "systemctl start kubelet" not in calls


def test_packages_are_held_no_longer_although_another_package_manager_runs(owned: Machine) -> None:
    """The reset took them for packages that are not there, and they stayed held."""
    owned.write("/held", "kubelet\nlinux-image\n")
    owned.stub(
        "apt-mark",
        '[[ $1 != showhold ]] || cat "$ROOT/held"\n[[ $1 == unhold ]] || exit 0\n'
        '[[ -e $ROOT/tried-$2 ]] || { touch "$ROOT/tried-$2"; echo "dpkg frontend lock was locked" >&2; exit 100; }\n'
        'sed --in-place "/^$2\\$/d" "$ROOT/held"',
    )
    finished = owned.run("reset", RESET)
    assert finished.status == 0, finished.stderr
    assert owned.path("/held").read_text() == "linux-image\n"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("The connection to the server 192.0.2.11:6443 was refused - did you specify the right host or port?", 1),
        ("error: You must be logged in to the server (Unauthorized)", 0),
        ("Unable to connect to the server: x509: certificate signed by unknown authority", 0),
        (
            "Unable to connect to the server: x509: certificate has expired or is not yet valid",
            1,
        ),
        ("", 0),
    ],
)
def test_a_node_of_which_the_api_says_nothing_is_not_reset(owned: Machine, answer: str, status: int) -> None:
    """A refused connection does not say that the node is gone; an API that knows no such node or client does."""
    owned.write("/etc/kubernetes/kubelet.conf", "")
    owned.stub("kubectl", f'echo "{answer}" >&2; exit 1' if answer else "")
    owned.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    finished = owned.run("reset", RESET)
    assert finished.status == status, finished.stderr
    assert owned.path("/etc/kubernetes/kubelet.conf").exists() == (status == 1)
    assert ("expected the API server to say whether it has node node1" in finished.stderr) == (status == 1)


def test_a_reset_that_was_cut_short_at_its_end_goes_on(owned: Machine) -> None:
    """As long as a mark is there, the one of the owner is. Lists of files may be gone, and their directory not."""
    state = owned.path("/var/lib/pulumi-kubeadm")
    for name in ("owner", "a", "initialized"):
        owned.write(f"/var/lib/pulumi-kubeadm/{name}", "kubeadm/dev")
    (state / "files").mkdir()
    owned.stub("rm", f'[[ $* != "-rf {state}" ]] || {{ ls {state} >"$ROOT/left"; exit 1; }}\nexec /bin/rm "$@"')
    assert owned.run("reset", RESET).status == 1
    assert owned.path("/left").read_text() == "owner\n"
    assert owned.path("/etc/hosts").read_text() == HOSTS
    owned.stub("rm", 'exec /bin/rm "$@"')
    finished = owned.run("reset", RESET)
    assert (finished.status, finished.stderr) == (0, "node1: the machine is reset\n")
    left = {path.name for path in (owned.root / "var").glob("*/*")}
    assert left == set(), "marks and logs go with the cluster"
