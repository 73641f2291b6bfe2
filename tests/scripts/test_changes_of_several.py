"""A change that restarts a control plane of several, whatever it is, while all others are well and take over."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.scripts.cluster import NODE_IS_READY, OWN_MEMBER, VALUES
from tests.scripts.machine import Finished, Machine

OTHER_MEMBER = OWN_MEMBER.replace("a1", "b2").replace("2.11", "2.12")


@dataclass(frozen=True)
class Change:
    """A change of a control plane.

    Attributes:
        begins: beginning of the first call that restarts something, or writes that with which it restarts.
        values: variables of the step that differ.
        manifest: the manifest of etcd before; None for one with all arguments.
    """

    begins: str
    values: dict[str, str] = field(default_factory=dict)
    manifest: str | None = None

    def made(self, machine: Machine) -> Finished:
        """The change, on a machine."""
        if self.manifest:
            machine.write("/etc/kubernetes/manifests/etcd.yaml", self.manifest)
        machine.calls()
        return machine.send(machine.text("init", VALUES | self.values), "verify")


CHANGES = {
    "arguments": Change("kubeadm init phase certs apiserver", {"CLUSTER_CONFIGURATION_SHA256": "new"}),
    "certificates": Change("kubeadm certs renew all", {"CERTIFICATE_GENERATION": "1"}),
    "an etcd without its guard": Change("kubeadm init phase etcd local", manifest="an etcd that begins a cluster\n"),
}
"""An upgrade has tests of its own."""


@pytest.fixture
def several(running: Machine) -> Machine:
    """One of two control planes, whose member of etcd leads."""
    running.write("/members", f"{OWN_MEMBER}\n{OTHER_MEMBER}\n")
    running.write("/etc/kubernetes/kubeadm/config.yaml", "kind: InitConfiguration\n")
    running.write("/wanted", "new\n")
    running.replace("lib/etcd", "wait_for 120", "wait_for 1")
    for part in ("reconfigure", "renewal"):
        running.replace(f"parts/control_plane/{part}", "wait_for 180", "wait_for 1")
    return running


@pytest.mark.parametrize("what", CHANGES)
def test_a_control_plane_hands_over_what_it_has_before_it_restarts(several: Machine, what: str) -> None:
    """The leadership of etcd, so that no write waits for an election, and then its clients."""
    CHANGES[what].made(several)
    calls = several.calls()
    first = [
        next((number for number, call in enumerate(calls) if part in call), None)
        for part in ("move-leader b2", "detour begins", CHANGES[what].begins)
    ]
    assert None not in first, calls
    assert first == sorted(filter(None, first))
    assert not several.path("/detour").exists(), "it serves clients again"


@pytest.mark.parametrize("what", CHANGES)
def test_no_control_plane_restarts_while_another_one_is_not_well(several: Machine, what: str) -> None:
    """With it the majority may go."""
    several.write("/sick-192.0.2.12", "")
    finished = CHANGES[what].made(several)
    assert finished.status == 1
    assert "expected all other control planes to be well within 1 s" in finished.stderr
    calls = several.calls()
    assert not [call for call in calls if call.startswith(CHANGES[what].begins) or "move-leader" in call]
    assert "detour begins" not in calls


def test_an_api_server_that_is_silent_has_no_expired_certificates_where_etcd_answers(several: Machine) -> None:
    """Its member of etcd restarts with it: beside one that is not well the majority would go."""
    several.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    several.stub("kubectl", "exit 1")
    several.write("/sick-192.0.2.12", "")
    finished = CHANGES["certificates"].made(several)
    assert finished.status == 1
    assert "expected all other control planes to be well within 1 s" in finished.stderr
    assert not [call for call in several.calls() if call.startswith("kubeadm certs renew")]


def test_an_api_server_that_is_silent_alone_gets_new_certificates(several: Machine) -> None:
    """Its own may have expired: only the others have to be well. etcd beside it reads the new ones when it starts."""
    several.stub(
        "kubectl", f"[[ $* != *readyz* || $* == *192.0.2.12* || -e $ROOT/renewed ]] || exit 1\n{NODE_IS_READY}"
    )
    several.stub("kubeadm", '[[ $* != "certs renew all"* ]] || touch "$ROOT/renewed"')
    CHANGES["certificates"].made(several)
    assert several.path("/renewed").exists()
    assert "crictl stop --timeout 30 etcd1" in several.calls()
