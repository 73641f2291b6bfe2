"""The step `join` of a control plane: it joins once, by an invitation; and the reset of one that has left."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
import yaml

from components.host_files import File, api_server, encryption
from tests.scripts.cluster import (
    CA,
    ETCD,
    KEY,
    NODE_IS_GONE,
    NODE_IS_READY,
    STATE,
    TOKEN,
    UNMARKED,
    VALUES,
    calls_in_order,
    kubeadm_calls,
    member,
    position,
)
from tests.scripts.machine import Finished, Machine

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


def test_kube_proxy_of_a_new_control_plane_follows_the_name_of_the_api(joiner: Machine) -> None:
    """It began while the name led to the sponsor, and a pod keeps the hosts of its start."""
    joiner.write("/var/lib/kubelet/pods/pod1/etc-hosts", "192.0.2.11\tapi.dev.internal\n")
    joiner.stub(
        "crictl",
        "[[ -e $ROOT/joined ]] || exit 0\n"
        f"case $* in *kube-proxy*) exec echo proxy1 ;; inspect*) exec echo pod1 ;; esac\n{ETCD}",
    )
    assert joined(joiner).status == 0
    assert "crictl stop --timeout 10 proxy1" in joiner.calls()


def test_a_further_control_plane_has_its_policy_and_its_keys_before_its_api_server(joiner: Machine) -> None:
    """The API server has arguments that name the files, and would not start without them."""
    files = [
        File(f"{api_server.FILES}/audit-policy-a.yaml", "policy\n", "0600"),
        File(encryption.KEYS, "k1 AAAA\nidentity\n", "0600"),
    ]
    kubeadm = joiner.root / "stubs" / "kubeadm"
    looks = f'"join --config") ls "$ROOT{api_server.FILES}" >"$ROOT/found";'
    kubeadm.write_text(kubeadm.read_text().replace('"join --config")', looks))
    finished = joiner.run("join", JOIN, [*invitation(), *files])
    assert finished.status == 0, finished.stderr
    assert joiner.path("/found").read_text() == "audit-policy-a.yaml\nencryption.yaml\n"


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


ETCD_THAT_WAS_REMOVED = """\
case $* in
"ps --all --quiet --name ^etcd$") echo 0123 ;;
logs*0123) echo '"error":"the member has been permanently removed from the cluster"'; echo "closed etcd server" ;;
esac
"""


@pytest.fixture
def reset(machine: Machine) -> Callable[..., Finished]:
    """A control plane whose member is out of etcd, and a run of its reset."""
    for mark in ("owner", "initialized"):
        machine.write(f"{STATE}/{mark}", "0123")
    machine.write("/etc/hosts", HOSTS.format("192.0.2.12"))
    machine.write("/var/lib/etcd/member/wal", "old")
    for name in ("admin", "kubelet"):
        machine.write(f"/etc/kubernetes/{name}.conf", "")
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark", "systemctl", "crictl"):
        machine.stub(program)
    machine.stub("kubectl", "exit 1")
    machine.stub("kubeadm", '[[ ! -e $ROOT/etc/kubernetes/admin.conf ]] || touch "$ROOT/asks-the-api"')
    machine.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    values = {"HOST_NAME": "node2", "CLUSTER_ID": "0123", "CLUSTER_NAME": "dev", "ROLE": "control-plane"}
    return lambda **more: machine.run("reset", values | {"NODE_LEAVES_FIRST": "true"} | more)


def test_a_control_plane_is_reset_without_its_api(machine: Machine, reset: Callable[[], Finished]) -> None:
    """Its own API server has no etcd any more, and is not waited for; kubeadm would ask it for a member."""
    machine.stub("crictl", ETCD_THAT_WAS_REMOVED)
    machine.replace("lib/lib", "ANSWER_SECONDS=1", "ANSWER_SECONDS=60")
    finished = reset()
    assert finished.status == 0, finished.stderr
    assert not machine.path("/asks-the-api").exists()
    assert list(machine.path("/var/lib/etcd").iterdir()) == []
    assert list(machine.path("/etc/kubernetes").iterdir()) == []
    assert machine.path("/etc/hosts").read_text() == "127.0.0.1\tlocalhost\n"
    assert not [call for call in machine.calls() if call.startswith("kubectl")]


def test_a_control_plane_in_the_cluster_is_not_reset(machine: Machine, reset: Callable[[], Finished]) -> None:
    """The state may have forgotten the membership that takes it away first, and the data of its etcd are lost."""
    shutil.rmtree(machine.path("/var/lib/etcd/member"))
    machine.stub("kubectl", "echo node/node2")
    finished = reset()
    assert finished.status == 1
    assert "expected node node2 to be out of the cluster within 1 s,\n  saw node/node2\n" in finished.stderr
    assert "Next: write the line of node2 back, pulumi up, then delete it; where" in finished.stderr
    assert machine.path("/etc/kubernetes/kubelet.conf").exists()
    machine.stub("kubectl", "exit 1")
    assert reset().status == 1, "no answer"
    machine.stub("kubectl")
    assert reset().status == 0, "another API server has no such node, and no member of etcd is here"


@pytest.mark.parametrize("api", ["exit 1", "", "echo node/node2"], ids=["is silent", "has no such node", "has it"])
@pytest.mark.parametrize("etcd", ["", "[[ $1 == ps ]] && echo 0123"], ids=["boots", "runs"])
def test_a_member_that_does_not_report_its_removal_is_not_reset(
    machine: Machine, reset: Callable[[], Finished], api: str, etcd: str
) -> None:
    """The cluster would lose a vote. Another API server, behind a balancer, may lack a node that somebody deleted."""
    machine.stub("crictl", etcd)
    machine.stub("kubectl", api)
    finished = reset()
    assert finished.status == 1
    assert (
        "node2: reset: expected node node2 to be out of the cluster within 1 s,\n"
        "  saw an etcd on node2 that does not report that its member is out\n"
        "  Next: write the line of node2 back, pulumi up, then delete it; where its member of etcd is out, or the"
        " cluster is lost, on node2: rm /etc/kubernetes/kubelet.conf; then pulumi up\n"
    ) in finished.stderr.replace(str(machine.root), "")
    assert machine.path("/var/lib/etcd/member/wal").exists()
    machine.path("/etc/kubernetes/kubelet.conf").unlink()
    assert reset().status == 0, "by the advice"


def test_a_control_plane_whose_mark_is_lost_is_not_reset(machine: Machine, reset: Callable[[], Finished]) -> None:
    """Its member may have a vote. One whose join was cut short has left, and is reset."""
    machine.path(f"{STATE}/initialized").unlink()
    finished = reset()
    assert finished.status == 1
    assert "saw an etcd on node2 that does not report that its member is out\n" in finished.stderr
    assert machine.path("/var/lib/etcd/member/wal").exists()
    machine.write(f"{STATE}/join-started", "yes")
    assert reset().status == 0


def test_a_cluster_that_is_destroyed_asks_no_api(machine: Machine, reset: Callable[..., Finished]) -> None:
    """The other machines may be reset already: with policy.resetOnDestroy no node has to leave first."""
    finished = reset(NODE_LEAVES_FIRST="false")
    assert finished.status == 0, finished.stderr
    assert list(machine.path("/var/lib/etcd").iterdir()) == []
    assert not [call for call in machine.calls() if call.startswith("kubectl")]


def test_a_reset_that_was_cut_short_does_not_ask_again(machine: Machine, reset: Callable[[], Finished]) -> None:
    """kubeadm has ended the etcd that reported its removal, and no API answers."""
    machine.stub("crictl", ETCD_THAT_WAS_REMOVED)
    machine.stub("kubeadm", "exit 1")
    assert reset().status == 1
    assert machine.path("/etc/kubernetes/kubelet.conf").exists()
    machine.stub("crictl")
    machine.stub("kubeadm")
    finished = reset()
    assert finished.status == 0, finished.stderr
    assert list(machine.path("/var/lib/etcd").iterdir()) == []
