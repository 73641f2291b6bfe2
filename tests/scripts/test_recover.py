"""A member of etcd that goes on alone: refused where it is not needed, and whole wherever a run ends."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash_points.sweep import POINTS
from tests.scripts.cluster import MEMBERS_AS_JSON, OWN_MEMBER, STATE, VALUES, WORKER_MEMBERSHIP
from tests.scripts.machine import Finished, Machine

EXAMPLES = int(os.environ.get("EXAMPLES", "8"))
MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
ETCD_MANIFEST = "  containers:\n  - command:\n    - etcd\n    - --initial-cluster-state=existing\n"
OTHERS = "".join(
    f"b{end}, started, node{end}, https://192.0.2.1{end}:2380, https://192.0.2.1{end}:2379, false\n" for end in (2, 3)
)
KUBELET = (
    MEMBERS_AS_JSON
    + r"""
manifest=$ROOT/etc/kubernetes/manifests/etcd.yaml
if [[ -e $manifest ]] && grep --quiet force-new-cluster "$manifest" && [[ ! -e $ROOT/refuses ]]; then
  sed --in-place --quiet 1p "$ROOT/members"
  echo later >"$ROOT/var/lib/etcd/member/snap/db"
fi
case "$*" in
  "ps --quiet --name ^etcd$") if [[ -e $manifest ]]; then sha256sum <"$manifest" | cut --characters=-8; fi ;;
  "pods "*"--name ^etcd-node1$") if [[ -e $manifest ]]; then echo pod1; fi ;;
  *apiserver*) echo api1 ;;
  *"member list --write-out json" | *"get majority --keys-only")
    [[ -e $manifest ]] && { [[ -e $ROOT/majority ]] || (($(wc -l <"$ROOT/members") == 1)); } || exit 1
    [[ $* != *"member list "* ]] || members_as_json <"$ROOT/members" ;;
  *"endpoint status"*) echo '"Leader" : 161' ;;
esac
"""
)
"""A crictl of a machine whose etcd runs with the manifest that lies there, and answers where it has a majority."""


@pytest.fixture
def lost(running: Machine) -> Machine:
    """The last of three control planes."""
    running.write(MANIFEST, ETCD_MANIFEST)
    running.write("/members", f"{OWN_MEMBER}\n{OTHERS}")
    running.write("/var/lib/etcd/member/snap/db", "before\n")
    running.stub("crictl", KUBELET)
    running.stub("sleep")
    running.replace("steps/recover", 'wait_for 180 "etcd to begin', 'wait_for 1 "etcd to begin')
    running.replace("lib/static_pods", 'wait_for 180 "etcd to run', 'wait_for 1 "etcd to run')
    running.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    running.replace("parts/membership/leave", "wait_for 120", "wait_for 1")
    running.replace("parts/membership/control_plane", "comes_true 120", "comes_true 1")
    running.replace("lib/etcd", "wait_for 120", "wait_for 1")
    return running


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which a member answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def recover(machine: Machine, others: str = "") -> Finished:
    """As `make recover` sends it."""
    return machine.run("recover", {"OTHER_ADDRESSES": others})


def copies(machine: Machine) -> list[str]:
    """What the copies of the data hold."""
    return [path.read_text() for path in sorted(machine.path("/var/lib/etcd").glob("before-recovery-*/snap/db"))]


def is_untouched(machine: Machine) -> bool:
    """Nothing is as a recovery leaves it."""
    return machine.path(MANIFEST).read_text() == ETCD_MANIFEST and copies(machine) == []


def test_a_member_goes_on_alone_once(lost: Machine) -> None:
    """With its own manifest, and with a copy of the data as they were."""
    first = recover(lost)
    assert first.status == 0, first.stderr
    assert lost.path(MANIFEST).read_text() == ETCD_MANIFEST
    assert copies(lost) == ["before\n"]
    assert "etcd goes on with this member alone" in first.stderr
    assert recover(lost).stderr == ""


def test_an_etcd_between_two_starts_has_not_ended(lost: Machine) -> None:
    """Without a majority the kubelet starts it again and again; it would write while its data are copied."""
    last = 'if [[ $* == "pods "* && ! -e $ROOT/last ]]; then touch "$ROOT/last"; echo pod1; exit; fi\n'
    last += 'if [[ $* == "pods "* ]]; then echo of its last start >"$ROOT/var/lib/etcd/member/snap/db"; fi\n'
    lost.stub("crictl", last + KUBELET)
    finished = recover(lost)
    assert finished.status == 0, finished.stderr
    assert copies(lost) == ["of its last start\n"]


def test_nothing_is_recovered_while_a_majority_serves(lost: Machine) -> None:
    """The others have what this one has."""
    lost.write("/majority", "")
    finished = recover(lost)
    assert finished.status == 1
    assert "expected an etcd without a majority of its members" in finished.stderr
    assert is_untouched(lost)


def test_nothing_is_recovered_while_another_member_answers(lost: Machine, port: int) -> None:
    """Its data may be newer."""
    lost.replace("steps/recover", "$address/2380", f"$address/{port}")
    finished = recover(lost, "127.0.0.2\n127.0.0.1")
    assert finished.status == 1
    assert "saw one at 127.0.0.1" in finished.stderr
    assert is_untouched(lost)


def test_a_majority_that_answers_late_is_not_taken_for_a_lost_one(lost: Machine) -> None:
    """An etcd that starts, or that is busy: the recovery would make a second cluster of it."""
    lost.write("/majority", "")
    late = 'if [[ $* == *"get majority"* && ! -e $ROOT/looked ]]; then touch "$ROOT/looked"; exit 1; fi\n'
    lost.stub("crictl", late + KUBELET)
    finished = recover(lost)
    assert finished.status == 1
    assert "saw a majority that serves" in finished.stderr
    assert is_untouched(lost)


@pytest.mark.parametrize("missing", ["/var/lib/etcd/member/snap/db", MANIFEST])
def test_a_machine_without_a_member_is_refused(lost: Machine, missing: str) -> None:
    """Its kubelet starts what it started before."""
    lost.path(missing).unlink()
    for directory in ("snap", ""):
        if missing != MANIFEST:
            (lost.path("/var/lib/etcd/member") / directory).rmdir()
    there = lost.path(MANIFEST).exists()
    finished = recover(lost)
    assert finished.status == 1
    assert "expected a member of etcd on this machine" in finished.stderr
    assert lost.path(MANIFEST).exists() == there


def test_a_disk_without_room_for_the_copy_stops_nothing(lost: Machine) -> None:
    """The etcd that runs goes on running."""
    lost.stub("df", 'printf "Avail\n0\n"')
    finished = recover(lost)
    assert finished.status == 1
    assert "expected room for a copy of the data of etcd" in finished.stderr
    assert is_untouched(lost)


def test_an_etcd_that_does_not_begin_anew_gets_its_manifest_back(lost: Machine) -> None:
    """At once: at each later start it would forget its members."""
    lost.write("/refuses", "")
    assert recover(lost).status == 1
    assert lost.path(MANIFEST).read_text() == ETCD_MANIFEST
    assert not lost.path(f"{STATE}/manifests").exists()


def test_a_second_loss_has_a_copy_of_its_own(lost: Machine) -> None:
    """The copy of the first one is old by then."""
    old = lost.write("/var/lib/etcd/before-recovery-20260101T000000Z/snap/db", "old\n")
    assert recover(lost).status == 0
    assert copies(lost) == ["old\n", "before\n"]
    assert old.read_text() == "old\n"


def test_attempts_within_one_second_have_a_copy_each(lost: Machine) -> None:
    """The first one was cut short after its copy, before etcd forgot its members."""
    lost.stub("date", "echo 20261126T000000Z")
    lost.write("/refuses", "")
    assert recover(lost).status == 1
    lost.path("/refuses").unlink()
    finished = recover(lost)
    assert finished.status == 0, finished.stderr
    assert copies(lost) == ["before\n", "before\n"]
    assert "before-recovery-20261126T000000Z-again" in finished.stderr


def test_a_full_etcd_goes_on_alone(lost: Machine) -> None:
    """Its `endpoint health` fails, by the alarm that stays in the data."""
    lost.stub("crictl", f'[[ $* != *"endpoint health"* ]] || exit 1\n{KUBELET}')
    assert recover(lost).status == 0


JOINING = WORKER_MEMBERSHIP | {"NODE_ROLE": "control-plane"}
NEXT: dict[str, Callable[[Machine], Finished]] = {
    "recover": recover,
    "init": lambda machine: machine.send(machine.text("init", VALUES), "verify"),
    "membership": lambda machine: machine.run("membership", JOINING),
    "leave": lambda machine: machine.run("leave", JOINING),
}
"""What may come after a recovery that was cut short."""


@pytest.mark.parametrize("step", ["recover", "init", "membership", "leave"])
def test_a_recovery_that_is_killed_leaves_no_argument_behind(
    lost: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Another recovery ends it, or whatever comes next on this machine; the first copy has the data as they were."""
    lost.replace("steps/recover", 'comes_true "$ANSWER_SECONDS"', "comes_true 0")  # as many commands in each run
    text = lost.text("recover", {"OTHER_ADDRESSES": ""})
    root, saved, counted = lost.root, tmp_path / "saved", tmp_path / "points"
    for name, value in {"CRASH_KIND": "killed", "CRASH_AT": "0", "CRASH_DIRECTORY": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(root, saved, symlinks=True)
    monkeypatch.setenv("BASH_ENV", str(POINTS))
    assert lost.send(text).status == 0
    points = len(counted.read_text())
    assert points > 60
    met = set()
    # The first half of the run looks only.
    for point in range(points, points // 2, -max(1, points // 2 // EXAMPLES)):
        counted.unlink()
        shutil.rmtree(root)
        shutil.copytree(saved, root, symlinks=True)
        monkeypatch.setenv("CRASH_AT", str(point))
        monkeypatch.setenv("BASH_ENV", str(POINTS))
        assert lost.send(text).status == -9
        monkeypatch.delenv("BASH_ENV")
        met.add("force-new-cluster" in (lost.path(MANIFEST).read_text() if lost.path(MANIFEST).exists() else ""))
        began_anew = lost.path("/var/lib/etcd/member/snap/db").read_text() == "later\n"
        after = NEXT[step](lost)
        assert after.status == 0 or step != "recover", after.stderr
        assert lost.path(MANIFEST).read_text() == ETCD_MANIFEST, point
        assert not lost.path(f"{STATE}/manifests").exists()
        assert copies(lost)[:1] == ["before\n"] or not (began_anew or step == "recover"), point
    assert met == {True, False}


@pytest.mark.parametrize("step", ["membership", "leave"])
def test_members_are_dealt_with_once_etcd_has_its_own_arguments_again(lost: Machine, step: str) -> None:
    """The kubelet notices the manifest later, and until then etcd may begin anew once more."""
    # A second may end at once: nothing is met twice within one.
    lost.replace("lib/static_pods", 'wait_for 1 "etcd to run', 'wait_for 60 "etcd to run')
    lost.write(MANIFEST, ETCD_MANIFEST.replace("- etcd\n", "- etcd\n    - --force-new-cluster\n"))
    lost.write(f"{STATE}/manifests/etcd.yaml", ETCD_MANIFEST)
    lost.write("/members", f"{OWN_MEMBER}\n")
    slow = KUBELET.replace('sha256sum <"$manifest" | cut --characters=-8', 'cat "$ROOT/container"')
    lost.stub("crictl", slow)
    lost.write("/container", "etcd1\n")
    lost.stub(
        "sleep",
        'grep --quiet force-new-cluster "$ROOT/etc/kubernetes/manifests/etcd.yaml" || echo etcd2 >"$ROOT/container"',
    )
    lost.calls()
    finished = NEXT[step](lost)
    assert "node1: a change of static pods, or a recovery, that was cut short is taken back" in finished.stderr
    calls = lost.calls()
    members = next(number for number, call in enumerate(calls) if "member list" in call)
    assert [call for call in calls[:members] if call.startswith("sleep")]
    assert lost.path(MANIFEST).read_text() == ETCD_MANIFEST
