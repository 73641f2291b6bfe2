"""The step `membership` of a control plane: invited by another one, and left at no cost of the majority of etcd."""

from __future__ import annotations

import pytest
import yaml

from tests.scripts.cluster import (
    ETCD,
    KEY,
    MEMBERS_AS_JSON,
    NODE_IS_READY,
    SEALING_KEY,
    TOKEN,
    kubeadm_calls,
    let_seal,
    member,
    position,
)
from tests.scripts.machine import Machine

MEMBERSHIP = {
    "NODE_NAME": "node2",
    "NODE_IP": "192.0.2.12",
    "NODE_ROLE": "control-plane",
    "IS_GONE": "false",
    "KUBERNETES_VERSION": "1.36.3",
    "TAINTS": "",
}
GONE = MEMBERSHIP | {"IS_GONE": "true"}


@pytest.fixture
def sponsor(machine: Machine) -> Machine:
    """A control plane, node1, of a cluster of which node2 may be a part: `labels` and `nodes` say so."""
    machine.write("/etc/kubernetes/admin.conf", "")
    machine.write("/members", member(1))
    let_seal(machine)
    machine.stub("crictl", ETCD)
    machine.stub(
        "kubectl",
        'case "$*" in\n*--server*) all=$* server=${all##*https://} server=${server%%:*}\n'
        "[[ ! -e $ROOT/sick-$server && ! -e $ROOT/silent-$server ]] ;;\n"
        '*go-template*) cat "$ROOT/labels" 2>/dev/null || true ;;\n'
        '*ClusterConfiguration*) printf "apiVersion: kubeadm.k8s.io/v1beta4\\nkind: ClusterConfiguration\\n" ;;\n'
        "*InternalIP*) printf 192.0.2.11 ;;\n*uid*) printf 0-1 ;;\napply*) cat >/dev/null ;;\n"
        f'"delete node"*) touch "$ROOT/left" ;;\n*"output name"*) [[ -e $ROOT/left ]] || echo node/node2 ;;\n*)'
        f" {NODE_IS_READY} ;;\nesac",
    )
    machine.stub(
        "kubeadm",
        f'case "$*" in\n"certs certificate-key") echo {KEY} ;;\n"token create"*) echo {TOKEN} ;;\n'
        '*upload-certs*) cp "${!#}" "$ROOT/uploaded"; echo "${!#}" >"$ROOT/uploaded-from" ;;\nesac',
    )
    machine.replace("lib/etcd", "wait_for 120", "wait_for 1")
    machine.replace("parts/membership/leave", "wait_for 120", "wait_for 1")
    machine.replace("parts/membership/control_plane", "comes_true 120", "comes_true 1")
    machine.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=2")
    return machine


def test_a_sponsor_without_an_address_invites_nobody(sponsor: Machine) -> None:
    """The name of the API would have no address on the machine that joins, and no later run would mend that."""
    stub = sponsor.path("/stubs/kubectl")
    stub.write_text(stub.read_text().replace("printf 192.0.2.11 ;;", "true ;;"))
    finished = sponsor.run("membership", MEMBERSHIP)
    assert finished.status == 1
    assert "expected the API server to show the address of this control plane within 2 s" in finished.stderr
    assert finished.stdout == ""


def test_an_invitation_has_a_token_a_key_and_the_address_of_its_sponsor(sponsor: Machine) -> None:
    """The key is in no list of processes, and in memory only until the certificates are uploaded."""
    finished = sponsor.run("membership", MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    assert SEALING_KEY.opened(finished.stdout) == f"{TOKEN}\n{KEY}\n192.0.2.11\n"
    calls = "\n".join(sponsor.calls())
    assert KEY not in calls
    assert TOKEN.partition(".")[2] not in calls
    cluster, init = yaml.safe_load_all(sponsor.path("/uploaded").read_text())
    assert cluster["kind"] == "ClusterConfiguration"
    assert init == {"apiVersion": cluster["apiVersion"], "kind": "InitConfiguration", "certificateKey": KEY}
    place = sponsor.path("/uploaded-from").read_text().strip()
    assert place.startswith(f"{sponsor.root}/run/")
    assert KEY not in "".join(path.read_text() for path in sponsor.path("/var").rglob("*") if path.is_file())


def test_a_node_with_a_label_and_a_vote_is_not_invited(sponsor: Machine) -> None:
    """It is a control plane: nothing is uploaded, and no token is made."""
    sponsor.write("/members", member(1) + member(2))
    sponsor.write("/labels", "kubernetes.io/hostname\nnode-role.kubernetes.io/control-plane\n")
    finished = sponsor.run("membership", MEMBERSHIP)
    assert (finished.status, finished.stdout, finished.stderr) == (0, "", "")
    assert kubeadm_calls(sponsor) == []


def test_a_control_plane_whose_node_was_deleted_by_hand_is_not_invited(sponsor: Machine) -> None:
    """The label went with the node, and the API server serves: the machine registers again, and keeps its data."""
    sponsor.write("/members", member(1) + member(2))
    sponsor.write("/labels", "")
    finished = sponsor.run("membership", MEMBERSHIP)
    assert (finished.status, finished.stdout, finished.stderr) == (0, "", "")
    assert sponsor.path("/members").read_text() == member(1) + member(2)


@pytest.mark.parametrize(
    ("half", "labels"),
    [
        (member(2, learns=True), "node-role.kubernetes.io/control-plane\n"),
        (member(2, learns=True, is_started=False), ""),
        (member(2, is_started=False), ""),
        (member(2), "kubernetes.io/hostname\n"),
    ],
)
def test_a_member_of_a_join_that_was_cut_short_is_removed_before_the_next(
    sponsor: Machine, half: str, labels: str
) -> None:
    """etcd refuses a second member of one address, and a learner that never ends blocks every other join."""
    sponsor.write("/members", member(1) + half)
    sponsor.write("/labels", labels)
    sponsor.write("/sick-192.0.2.12", "")
    finished = sponsor.run("membership", MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    assert "node1: the member of etcd at 192.0.2.12, whose join was cut short, is removed\n" in finished.stderr
    assert sponsor.path("/members").read_text() == member(1)
    calls = sponsor.calls()
    assert position(calls, "member remove b2") < position(calls, "upload-certs") < position(calls, "token create")
    assert SEALING_KEY.opened(finished.stdout).startswith(TOKEN)


@pytest.mark.parametrize("half", ["", member(2)])
@pytest.mark.parametrize("what", ["sick", "silent", "learner"])
def test_no_control_plane_is_invited_while_another_one_is_not_well(sponsor: Machine, what: str, half: str) -> None:
    """One more member needs one more vote for each change. An API server may be silent beside an etcd that is well.

    Nor is the member of half a join removed: it may be that of a control plane that is off, whose data the others have.
    """
    sponsor.write("/members", member(1) + half + member(3, learns=what == "learner"))
    sponsor.write("/silent-192.0.2.12", "")
    sponsor.write(f"/{what}-192.0.2.13", "")
    finished = sponsor.run("membership", MEMBERSHIP)
    assert finished.status == 1
    assert "expected all other control planes to be well within 1 s" in finished.stderr
    assert "gone: true in the stack file" in finished.stderr
    assert half in sponsor.path("/members").read_text()
    assert kubeadm_calls(sponsor) == []


def test_a_control_plane_leaves_in_the_order_that_loses_nothing(sponsor: Machine) -> None:
    """Drained while its kubelet still reaches an API; its leadership goes before its vote; once.

    Its API server cannot renew its lease, and is an endpoint no more, from before until after its etcd leaves.
    """
    sponsor.write("/members", member(1) + member(2) + member(3))
    sponsor.write("/leader", "b2")
    finished = sponsor.run("leave", MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    calls = sponsor.calls()
    lease = " /registry/masterleases/192.0.2.12"
    order = ["kubectl drain node2", "move-leader a1", f"put --lease 32698f2b41b5a20d{lease} ", f"get{lease} "]
    order += ["member remove b2", f"del{lease}", "kubectl delete node node2"]
    positions = [position(calls, part) for part in order]
    assert positions == sorted(positions)
    assert "--endpoints https://192.0.2.12:2379 move-leader" in calls[positions[1]]
    assert sponsor.path("/members").read_text() == member(1) + member(3)
    again = sponsor.run("leave", MEMBERSHIP)
    assert (again.status, again.stderr) == (0, "")


def endpoints(machine: Machine, addresses: str) -> list[str]:
    """Patches of the service `kubernetes` when the control plane at 192.0.2.12 leaves, where it has these endpoints."""
    machine.write("/members", member(1) + member(2) + member(3))
    stub = machine.path("/stubs/kubectl")
    listed = f'[[ "$*" != "get endpointslice "* ]] || {{ echo "{addresses}"; exit; }}'
    stub.write_text(stub.read_text().replace("\ncase", f"\n{listed}\ncase", 1))
    assert machine.run("leave", MEMBERSHIP).status == 0
    return [call for call in machine.calls() if "patch endpointslice" in call]


def test_an_etcd_that_says_nothing_of_a_lease_has_not_deleted_it(sponsor: Machine) -> None:
    """The end of its answer may be lost on the way; then all of it is."""
    sponsor.write("/members", member(1) + member(2) + member(3))
    sponsor.replace("lib/endpoints", "comes_true 30", "comes_true 1")
    sponsor.replace("lib/endpoints", "FOLLOW_SECONDS=6", "FOLLOW_SECONDS=0")
    sponsor.write("/mute", "")
    finished = sponsor.run("leave", MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    assert "the API server at 192.0.2.12 stays an endpoint of the service kubernetes" in finished.stderr


def test_pods_find_the_api_server_that_leaves_no_longer(sponsor: Machine) -> None:
    """Its lease would keep it an endpoint for half a minute, without an etcd. The others stay."""
    (patch,) = endpoints(sponsor, "192.0.2.11 192.0.2.12 192.0.2.13")
    kept = ",".join(f'{{"addresses":["192.0.2.1{number}"],"conditions":{{"ready":true}}}}' for number in (1, 3))
    assert f'--patch {{"endpoints":[{kept}]}} ' in patch


@pytest.mark.parametrize("addresses", ["192.0.2.11 192.0.2.13", "192.0.2.12"])
def test_a_service_is_left_with_an_endpoint(sponsor: Machine, addresses: str) -> None:
    """One that has lost the endpoint already is not changed, nor is one that has no other."""
    sponsor.replace("lib/endpoints", "comes_true 30", "comes_true 1")
    assert endpoints(sponsor, addresses) == []


def test_a_lease_that_is_renewed_meanwhile_is_taken_again(sponsor: Machine) -> None:
    """By an API server that has read it just before."""
    sponsor.write("/members", member(1) + member(2) + member(3))
    once = '[[ "$*" != *"get /registry/"* || -e $ROOT/renewed ]] || { touch "$ROOT/renewed"; echo key; exit; }'
    sponsor.stub("crictl", f"{once}\n{ETCD}")
    assert sponsor.run("leave", MEMBERSHIP).status == 0
    assert len([call for call in sponsor.calls() if " put --lease " in call]) == 2


def test_a_member_that_does_not_lead_leaves_without_an_election(sponsor: Machine) -> None:
    """Writes go on."""
    sponsor.write("/members", member(1) + member(2))
    assert sponsor.run("leave", MEMBERSHIP).status == 0
    assert not [call for call in sponsor.calls() if "move-leader" in call]


@pytest.mark.parametrize("learns", [True, False])
def test_a_member_that_leaves_hands_over_to_one_that_can_lead(sponsor: Machine, learns: bool) -> None:
    """Not to a learner, which a join that was cut short left, nor to one that is dead: writes would wait in vain."""
    sponsor.write("/members", member(3, learns=learns) + member(1) + member(2) + member(4))
    sponsor.write("/sick-192.0.2.13", "")
    sponsor.write("/leader", "b2")
    assert sponsor.run("leave", MEMBERSHIP).status == 0
    assert sponsor.path("/leader").read_text() == "a1\n"


def test_a_member_is_not_removed_without_a_majority_of_the_others(sponsor: Machine) -> None:
    """etcd would stand still, with nobody to take it back."""
    sponsor.write("/members", member(1) + member(2) + member(3))
    sponsor.write("/sick-192.0.2.13", "")
    finished = sponsor.run("leave", MEMBERSHIP)
    assert finished.status == 1
    assert "expected a majority of the control planes that remain to be well within 1 s" in finished.stderr
    assert not [call for call in sponsor.calls() if "member remove" in call or "delete node" in call]


def test_an_etcd_that_has_lost_its_majority_is_told_with_the_page(sponsor: Machine) -> None:
    """It lists no members then. Nothing is changed."""
    sponsor.stub("crictl", f'[[ $* != *"member list "* ]] || {{ echo context deadline exceeded >&2; exit 1; }}\n{ETCD}')
    finished = sponsor.run("membership", GONE)
    assert finished.status == 1
    assert "expected etcd to list its members within 2 s,\n  saw context deadline exceeded" in finished.stderr
    assert "docs/how-to/lost-majority.md" in finished.stderr
    assert not [call for call in sponsor.calls() if "drain" in call or "delete" in call]


@pytest.mark.parametrize("end", ["", '},{"ID":178', "}]}"])
def test_half_an_answer_of_etcd_says_of_no_member_that_it_is_gone(sponsor: Machine, end: str) -> None:
    """Its node would go, its machine would be reset, and its vote would stay: also where a member ends there."""
    sponsor.write("/members", member(1) + member(2))
    half = f"""list=$(members_as_json <"$ROOT/members"); echo "${{list%%'{end}'*}}"; exit"""
    sponsor.stub("crictl", f'{MEMBERS_AS_JSON}\nif [[ $* == *"member list "* ]]; then {half}; fi\n{ETCD}')
    finished = sponsor.run("leave", MEMBERSHIP)
    assert finished.status == 1
    assert "expected etcd to list its members within 2 s" in finished.stderr
    assert "saw an answer of etcdctl that is cut off" in " ".join(finished.stderr.split())
    assert not [call for call in sponsor.calls() if "drain" in call or "delete" in call]


def test_a_containerd_that_stops_to_answer_ends_the_question_to_etcd(sponsor: Machine) -> None:
    """etcdctl ends by itself, and crictl does not."""
    sponsor.stub("crictl", f'[[ $* != *"member list "* ]] || exec sleep 60\n{ETCD}')
    sponsor.replace("lib/etcd", "ETCDCTL_SECONDS=60", "ETCDCTL_SECONDS=1")
    finished = sponsor.run("membership", GONE)
    assert finished.status == 1
    assert "expected etcd to list its members within 2 s" in finished.stderr


def test_a_control_plane_that_is_gone_leaves_without_being_asked(sponsor: Machine) -> None:
    """Another dead machine, which leaves next, does not keep it, as long as most of the others live."""
    sponsor.write("/members", member(1) + member(2) + member(3) + member(4))
    sponsor.write("/sick-192.0.2.12", "")
    sponsor.write("/leader", "b2")
    finished = sponsor.run("membership", GONE)
    assert finished.status == 0, finished.stderr
    assert finished.stdout == ""
    calls = sponsor.calls()
    assert not [call for call in calls if "move-leader" in call]
    assert position(calls, "member remove b2") < position(calls, "kubectl delete node node2")
    assert [call for call in calls if "token create" in call] == []


def test_a_node_that_somebody_deletes_during_its_drain_has_left(sponsor: Machine) -> None:
    """Its member of etcd leaves as ever."""
    sponsor.write("/members", member(1) + member(2) + member(3))
    stub = sponsor.path("/stubs/kubectl")
    refused = '"delete node node2 --request-timeout=20s") echo "nodes \\"node2\\" not found" >&2; exit 1 ;;'
    stub.write_text(stub.read_text().replace('case "$*" in\n', f'case "$*" in\n{refused}\n', 1))
    finished = sponsor.run("leave", MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    assert sponsor.path("/members").read_text() == member(1) + member(3)


def test_a_member_that_is_not_removed_keeps_its_node(sponsor: Machine) -> None:
    """A node that is deleted first would hide that its member votes on."""
    sponsor.write("/members", member(1) + member(2) + member(3))
    sponsor.stub("crictl", f'[[ "$*" != *"member remove"* ]] || {{ echo "etcdserver: no leader"; exit 1; }}\n{ETCD}')
    finished = sponsor.run("leave", MEMBERSHIP)
    assert finished.status == 1
    assert (
        "expected etcd to remove the member at 192.0.2.12 within 2 s,\n  saw etcdserver: no leader" in finished.stderr
    )
    assert not [call for call in sponsor.calls() if "delete node" in call]
