"""Control planes that join and leave: by an invitation of another one, and never at the cost of etcd's majority."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from components.host_files import File
from tests.scripts.cluster import (
    CA,
    ETCD,
    NODE_IS_GONE,
    NODE_IS_READY,
    SEALING_KEY,
    STATE,
    UNMARKED,
    VALUES,
    calls_in_order,
    kubeadm_calls,
    let_seal,
)
from tests.scripts.machine import Finished, Machine

KEY = "c0ffee" + 58 * "0"
TOKEN = "abcdef.0123456789abcdef"  # noqa: S105 (of no cluster)
MEMBERSHIP = {
    "NODE_NAME": "node2",
    "NODE_IP": "192.0.2.12",
    "NODE_ROLE": "control-plane",
    "IS_GONE": "false",
    "KUBERNETES_VERSION": "1.36.3",
    "TAINTS": "",
}
GONE = MEMBERSHIP | {"IS_GONE": "true"}


def member(number: int, *, learns: bool = False, is_started: bool = True) -> str:
    """A line of `etcdctl member list`: of node2, for one, whose ID is b2."""
    identity, address = f"{'abcd'[number - 1]}{number}", f"192.0.2.{10 + number}"
    name, state, client = (
        (f"node{number}", "started", f"https://{address}:2379") if is_started else ("", "unstarted", "")
    )
    return f"{identity}, {state}, {name}, https://{address}:2380, {client}, {str(learns).lower()}\n"


def position(calls: list[str], part: str) -> int:
    """Where the only call with this part stands."""
    (found,) = [number for number, call in enumerate(calls) if part in call]
    return found


@pytest.fixture
def sponsor(machine: Machine) -> Machine:
    """A control plane, node1, of a cluster of which node2 may be a part: `labels` and `nodes` say so."""
    machine.write("/etc/kubernetes/admin.conf", "")
    machine.write("/members", member(1))
    let_seal(machine)
    machine.stub("crictl", ETCD)
    machine.stub(
        "kubectl",
        'case "$*" in\n*--server*) all=$* server=${all##*https://}; [[ ! -e $ROOT/sick-${server%%:*} ]] ;;\n'
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


@pytest.mark.parametrize("what", ["sick", "learner"])
def test_no_control_plane_is_invited_while_another_one_is_not_well(sponsor: Machine, what: str) -> None:
    """One more member needs one more vote for each change."""
    sponsor.write("/members", member(1) + member(3, learns=what == "learner"))
    if what == "sick":
        sponsor.write("/sick-192.0.2.13", "")
    finished = sponsor.run("membership", MEMBERSHIP)
    assert finished.status == 1
    assert "expected all other control planes to be well within 1 s" in finished.stderr
    assert "gone: true in the stack file" in finished.stderr
    assert kubeadm_calls(sponsor) == []


def test_a_control_plane_leaves_in_the_order_that_loses_nothing(sponsor: Machine) -> None:
    """Drained while its kubelet still reaches an API; its leadership goes before its vote; once."""
    sponsor.write("/members", member(1) + member(2) + member(3))
    sponsor.write("/leader", "b2")
    finished = sponsor.run("leave", MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    calls = sponsor.calls()
    withdrawn = " del /registry/masterleases/192.0.2.12"
    order = ["kubectl drain node2", "move-leader a1", withdrawn, "member remove b2", "kubectl delete node node2"]
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


def test_a_lease_that_is_renewed_meanwhile_is_deleted_again(sponsor: Machine) -> None:
    """An API server does so each 10 s."""
    sponsor.write("/members", member(1) + member(2) + member(3))
    once = '[[ "$*" != *"get /registry/"* || -e $ROOT/renewed ]] || { touch "$ROOT/renewed"; echo key; exit; }'
    sponsor.stub("crictl", f"{once}\n{ETCD}")
    assert sponsor.run("leave", MEMBERSHIP).status == 0
    assert len([call for call in sponsor.calls() if " del /registry/" in call]) == 2


def test_a_member_that_does_not_lead_leaves_without_an_election(sponsor: Machine) -> None:
    """Writes go on."""
    sponsor.write("/members", member(1) + member(2))
    assert sponsor.run("leave", MEMBERSHIP).status == 0
    assert not [call for call in sponsor.calls() if "move-leader" in call]


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
    sponsor.stub("crictl", f'[[ $* != *"member list" ]] || {{ echo context deadline exceeded >&2; exit 1; }}\n{ETCD}')
    finished = sponsor.run("membership", GONE)
    assert finished.status == 1
    assert "expected etcd to list its members within 2 s,\n  saw context deadline exceeded" in finished.stderr
    assert "docs/how-to/lost-majority.md" in finished.stderr
    assert not [call for call in sponsor.calls() if "drain" in call or "delete" in call]


@pytest.mark.parametrize("answer", ["", member(1)[:-5], f"{member(1)}c3, started, node3"])
def test_half_an_answer_of_etcd_says_of_no_member_that_it_is_gone(sponsor: Machine, answer: str) -> None:
    """Its node would go, its machine would be reset, and its vote would stay."""
    sponsor.write("/members", answer)
    finished = sponsor.run("leave", MEMBERSHIP)
    assert finished.status == 1
    assert "expected etcd to list its members within 2 s" in finished.stderr
    assert "saw an answer of etcdctl that is cut off" in " ".join(finished.stderr.split())
    assert not [call for call in sponsor.calls() if "drain" in call or "delete" in call]


def test_a_containerd_that_stops_to_answer_ends_the_question_to_etcd(sponsor: Machine) -> None:
    """etcdctl ends by itself, and crictl does not."""
    sponsor.stub("crictl", f'[[ $* != *"member list" ]] || exec sleep 60\n{ETCD}')
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


JOIN = VALUES | {
    "HOST_NAME": "node2",
    "ROLE": "control-plane",
    "NODE_IP": "192.0.2.12",
    "LEADS": "false",
    "API_HOST": "api.dev.internal",
    "API_SERVER": "https://api.dev.internal:6443",
}
CONFIGURATION = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
controlPlane:
  localAPIEndpoint:
    advertiseAddress: 192.0.2.12
---
kind: ClusterConfiguration
"""
BLOCK = "# begin pulumi-kubeadm\n192.0.2.11\tnode1\n192.0.2.12\tnode2\n{}\tapi.dev.internal\n# end pulumi-kubeadm\n"
HOSTS = f"127.0.0.1\tlocalhost\n{BLOCK}"
WRITES = (
    'cp "$3" "$ROOT/configuration"; cp "$ROOT/etc/hosts" "$ROOT/hosts"\n'
    'cd "$ROOT/etc/kubernetes"; mkdir -p pki/etcd manifests; touch "$ROOT/joined"\n'
    "echo --initial-cluster-state=existing >manifests/etcd.yaml\n"
    "echo a | tee pki/etcd/server.crt {admin,controller-manager,scheduler}.conf >kubelet.conf\n"
    'cp "$ROOT/authority" pki/ca.crt; echo a | tee pki/apiserver.key >pki/apiserver.crt\n'
)


def invitation(text: str = f"{TOKEN}\n{KEY}\n192.0.2.11") -> list[File]:
    """The secret files of a join."""
    directory = "/etc/kubernetes/kubeadm"
    return [File(f"{directory}/invitation", text, mode="0600"), File(f"{directory}/ca.crt", CA)]


@pytest.fixture
def joiner(machine: Machine) -> Machine:
    """A prepared host, node2, whose kubeadm joins it; before that no API answers here."""
    machine.write("/etc/kubernetes/kubeadm/config.yaml", CONFIGURATION)
    machine.write("/etc/hosts", HOSTS.format("192.0.2.12"))
    machine.write("/members", member(1))
    machine.write("/authority", CA)
    machine.path("/var/lib/etcd").mkdir(parents=True)
    machine.stub(
        "kubeadm",
        f'case "$1 $2" in\n"join --config") {WRITES} echo "{member(2).strip()}" >>"$ROOT/members" ;;\n'
        'reset*) [[ ! -e $ROOT/etc/kubernetes/admin.conf ]] || touch "$ROOT/asks-the-api"\n'
        'rm -f "$ROOT/joined" "$ROOT/etc/kubernetes"/*.conf; rm -rf "$ROOT/etc/kubernetes/pki" ;;\nesac',
    )
    machine.stub("kubectl", f"[[ -e $ROOT/joined ]] || exit 1\n{NODE_IS_READY}")
    machine.stub("crictl", f"[[ -e $ROOT/joined ]] || exit 0\n{ETCD}")
    machine.stub("systemctl")
    machine.stub("curl", "printf 200")
    machine.stub("openssl", 'cat >/dev/null; echo "notAfter=Nov 24 00:00:00 2027 GMT"')
    machine.replace("parts/join/control_plane", "comes_true 120", "comes_true 1")
    return machine


def joined(machine: Machine, text: str | None = None) -> Finished:
    """A run of the join."""
    return machine.run("join", JOIN, invitation() if text is None else invitation(text))


def test_a_further_control_plane_joins_once_and_never_initialises(joiner: Machine) -> None:
    """With the key in memory alone; the secret of the certificates goes when they have served."""
    first = joined(joiner)
    assert first.status == 0, first.stderr
    assert "certificate apiserver 2027-11-24\n" in first.stdout
    calls = joiner.calls()
    assert [" ".join(call.split()[:2]) for call in calls if call.startswith("kubeadm ")] == ["kubeadm join"] * 2
    assert "join phase preflight" in calls[position(calls, "phase preflight")]
    assert KEY not in "\n".join(calls)
    assert yaml.safe_load(joiner.path("/configuration").read_text().partition("---")[0])["controlPlane"] == {
        "certificateKey": KEY,
        "localAPIEndpoint": {"advertiseAddress": "192.0.2.12"},
    }
    assert joiner.path("/etc/kubernetes/kubeadm/config.yaml").read_text() == CONFIGURATION
    assert position(calls, "join --config") < position(calls, "delete secret kubeadm-certs")
    assert joiner.path(f"{STATE}/initialized").exists()
    assert not joiner.path(f"{STATE}/join-started").exists()
    assert not joiner.path("/etc/kubernetes/kubeadm/discovery.conf").exists()
    second = joined(joiner, "")
    assert (second.status, second.stderr, kubeadm_calls(joiner)) == (0, "", [])


def test_the_name_of_the_api_leads_to_the_sponsor_while_it_joins_and_to_itself_afterwards(joiner: Machine) -> None:
    """Its own API server is not there yet. No other line changes."""
    assert joined(joiner).status == 0
    assert joiner.path("/hosts").read_text() == HOSTS.format("192.0.2.11")
    assert joiner.path("/etc/hosts").read_text() == HOSTS.format("192.0.2.12")


def test_a_join_that_fails_leads_the_name_back_and_leaves_no_token(joiner: Machine) -> None:
    """The kubelet of a later run would ask another machine."""
    works = (joiner.root / "stubs" / "kubeadm").read_text()
    joiner.stub("kubeadm", '[[ "$1 $2" != "join --config" ]] || { cp "$ROOT/etc/hosts" "$ROOT/hosts"; exit 1; }')
    assert joined(joiner).status == 1
    assert joiner.path("/hosts").read_text() == HOSTS.format("192.0.2.11")
    assert joiner.path("/etc/hosts").read_text() == HOSTS.format("192.0.2.12")
    assert not joiner.path("/etc/kubernetes/kubeadm/discovery.conf").exists()
    (joiner.root / "stubs" / "kubeadm").write_text(works)
    joiner.calls()
    assert joined(joiner).status == 0
    assert kubeadm_calls(joiner) == ["kubeadm reset", "kubeadm join"]


def test_a_join_that_was_cut_short_starts_over_without_a_trace(joiner: Machine) -> None:
    """Data of etcd that are left make a member of another cluster; admin.conf makes kubeadm skip the discovery."""
    joiner.write(f"{STATE}/join-started", "yes")
    joiner.write("/etc/kubernetes/admin.conf", "")
    joiner.write("/var/lib/etcd/member/wal", "old")
    joiner.stub("crictl", f"[[ -e $ROOT/joined ]] || exit 0\n{ETCD}")
    works = (joiner.root / "stubs" / "kubeadm").read_text()
    (joiner.root / "stubs" / "kubeadm").write_text(f'{works}[[ "$1" != join || ! -e $ROOT/var/lib/etcd/member ]]\n')
    finished = joined(joiner)
    assert finished.status == 0, finished.stderr
    assert "node2: the half-done join is reset\n" in finished.stderr
    assert calls_in_order(joiner, "kubeadm reset", "systemctl restart containerd", "crictl info", "kubeadm join")
    assert not joiner.path("/asks-the-api").exists(), "its member is removed by the sponsor"


def test_a_join_that_was_cut_short_before_kubeadm_wrote_anything_starts_over(joiner: Machine) -> None:
    """kubeadm makes the directory of etcd."""
    joiner.write(f"{STATE}/join-started", "yes")
    joiner.path("/var/lib/etcd").rmdir()
    finished = joined(joiner)
    assert finished.status == 0, finished.stderr
    assert kubeadm_calls(joiner) == ["kubeadm reset", "kubeadm join"]


def test_a_join_that_was_cut_short_after_kubeadm_is_finished(joiner: Machine) -> None:
    """Its member has a vote: it is not thrown away."""
    works = (joiner.root / "stubs" / "kubeadm").read_text()
    (joiner.root / "stubs" / "kubeadm").write_text(f'{works}[[ "$1 $2" != "join --config" ]] || kill -9 $PPID\n')
    assert joined(joiner).status == 137
    (joiner.root / "stubs" / "kubeadm").write_text(works)
    joiner.calls()
    finished = joined(joiner)
    assert finished.status == 0, finished.stderr
    calls = joiner.calls()
    assert not [call for call in calls if call.startswith("kubeadm ")]
    assert position(calls, "delete secret kubeadm-certs")
    assert joiner.path("/etc/hosts").read_text() == HOSTS.format("192.0.2.12")
    assert joiner.path(f"{STATE}/initialized").exists()
    assert not joiner.path(f"{STATE}/join-started").exists()


@pytest.mark.parametrize("has_mark", [True, False])
def test_a_joined_control_plane_whose_node_was_deleted_registers_again(joiner: Machine, has_mark: bool) -> None:
    """Without an invitation: it has its vote, and only the node, and its label, are missing."""
    assert joined(joiner).status == 0
    if not has_mark:
        joiner.path(f"{STATE}/initialized").unlink()
    joiner.calls()
    joiner.write("/labels", "")
    joiner.stub("kubectl", f"{NODE_IS_GONE}\n{UNMARKED}\n{NODE_IS_READY}")
    joiner.stub("systemctl", '[[ $* != "restart kubelet" ]] || touch "$ROOT/registered"')
    works = (joiner.root / "stubs" / "kubeadm").read_text()
    (joiner.root / "stubs" / "kubeadm").write_text(
        f'{works}[[ $* != *mark-control-plane* ]] || echo node-role.kubernetes.io/control-plane >"$ROOT/labels"\n'
    )
    finished = joined(joiner, "")
    assert finished.status == 0, finished.stderr
    assert "node2: the node, which had been deleted, is registered again\n" in finished.stderr
    assert "node2: the node, which had registered again, is marked as a control plane\n" in finished.stderr
    assert kubeadm_calls(joiner) == ["kubeadm init"] * 2
    again = joined(joiner, "")
    assert (again.status, again.stderr, kubeadm_calls(joiner)) == (0, "", [])


def test_a_control_plane_with_an_empty_file_is_not_complete(joiner: Machine) -> None:
    """kubeadm syncs none of its files: a power cut during the join may leave any of them empty."""
    works = (joiner.root / "stubs" / "kubeadm").read_text()
    (joiner.root / "stubs" / "kubeadm").write_text(f'{works}[[ "$1 $2" != "join --config" ]] || kill -9 $PPID\n')
    assert joined(joiner).status == 137
    joiner.write("/etc/kubernetes/scheduler.conf", "")
    (joiner.root / "stubs" / "kubeadm").write_text(works)
    joiner.calls()
    joined(joiner)
    assert kubeadm_calls(joiner)[:2] == ["kubeadm reset", "kubeadm join"]


def test_a_member_that_does_not_vote_is_not_complete(joiner: Machine) -> None:
    """A learner that was never promoted."""
    works = (joiner.root / "stubs" / "kubeadm").read_text()
    (joiner.root / "stubs" / "kubeadm").write_text(f'{works}[[ "$1 $2" != "join --config" ]] || kill -9 $PPID\n')
    assert joined(joiner).status == 137
    joiner.write("/members", member(1) + member(2, learns=True))
    (joiner.root / "stubs" / "kubeadm").write_text(works)
    joiner.calls()
    joined(joiner)
    assert kubeadm_calls(joiner)[:2] == ["kubeadm reset", "kubeadm join"]


def test_a_machine_that_lost_its_data_joins_by_a_new_invitation_only(joiner: Machine) -> None:
    """Its member may be well for the others: the stack has to say that the machine is another one."""
    finished = joined(joiner, "")
    assert finished.status == 1
    assert "expected the control plane that joined in an earlier update" in finished.stderr
    assert "beside other control planes: gone: true for node2 in the stack file" in finished.stderr
    assert kubeadm_calls(joiner) == []


def test_another_cluster_on_the_machine_is_left_alone(joiner: Machine) -> None:
    """A control plane has a whole cluster to lose."""
    joiner.write("/etc/kubernetes/pki/ca.crt", "another certificate\n")
    finished = joined(joiner)
    assert finished.status == 1
    assert "expected a machine that is not in another cluster" in finished.stderr
    assert kubeadm_calls(joiner) == []


@pytest.fixture
def reset(machine: Machine) -> Callable[[], Finished]:
    """A control plane whose member is out of etcd, and a run of its reset."""
    machine.write(f"{STATE}/owner", "0123")
    machine.write("/etc/hosts", HOSTS.format("192.0.2.12"))
    machine.write("/var/lib/etcd/member/wal", "old")
    for name in ("admin", "kubelet"):
        machine.write(f"/etc/kubernetes/{name}.conf", "")
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark", "systemctl", "crictl"):
        machine.stub(program)
    machine.stub("kubectl", "exit 1")
    machine.stub("kubeadm", '[[ ! -e $ROOT/etc/kubernetes/admin.conf ]] || touch "$ROOT/asks-the-api"')
    values = {"HOST_NAME": "node2", "CLUSTER_ID": "0123", "CLUSTER_NAME": "dev", "ROLE": "control-plane"}
    return lambda: machine.run("reset", values | {"NODE_LEAVES_FIRST": "true"})


def test_a_control_plane_is_reset_without_its_api(machine: Machine, reset: Callable[[], Finished]) -> None:
    """Its own API server has no etcd any more, and would be waited for; kubeadm would ask it for a member."""
    finished = reset()
    assert finished.status == 0, finished.stderr
    assert not machine.path("/asks-the-api").exists()
    assert list(machine.path("/var/lib/etcd").iterdir()) == []
    assert list(machine.path("/etc/kubernetes").iterdir()) == []
    assert machine.path("/etc/hosts").read_text() == "127.0.0.1\tlocalhost\n"
    assert not [call for call in machine.calls() if call.startswith("kubectl")]
