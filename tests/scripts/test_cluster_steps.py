"""Steps that make and join a cluster: done once, never again, and never over what someone still needs."""

from __future__ import annotations

import base64
import datetime as dt
import re

import pytest
import yaml

from components._step import File
from tests.scripts.machine import Machine

VALUES = {
    "KUBERNETES_VERSION": "1.36.3",
    "IGNORE_PREFLIGHT_ERRORS": "",
    "RESET_ON_FAILURE": "false",
    "CLUSTER_CONFIGURATION_SHA256": "a",
    "KUBELET_CONFIGURATION_SHA256": "b",
    "KUBE_PROXY_CONFIGURATION_SHA256": "c",
    "CONTROL_PLANE_TAINTS": "node-role.kubernetes.io/control-plane:PreferNoSchedule",
    "DRAIN_TIMEOUT_SECONDS": "60",
    "CERTIFICATE_GENERATION": "0",
    "VXLAN_MODE": "Always",
}
MAY_RESET = VALUES | {"RESET_ON_FAILURE": "true"}
STATE = "/var/lib/pulumi-kubeadm"
CA = "certificate of the cluster\n"
DISCOVERY = [
    File(
        "/etc/kubernetes/kubeadm/discovery.conf",
        "    server: https://192.0.2.11:6443\n"
        f"    certificate-authority-data: {base64.b64encode(CA.encode()).decode()}\n"
        "    token: abcdef.0123456789abcdef\n",
        mode="0600",
    )
]


NODE_IS_READY = 'case "$*" in *kubeletVersion*) printf v1.36.3 ;; *Ready*) echo True ;; esac'


def kubeadm_calls(machine: Machine) -> list[str]:
    """The first two words of each call of kubeadm, since the last time that this was asked."""
    return [" ".join(call.split()[:2]) for call in machine.calls() if call.startswith("kubeadm")]


@pytest.fixture
def control_plane(machine: Machine) -> Machine:
    """A prepared host whose kubeadm works; `up` says whether the cluster is complete."""
    machine.stub(
        "kubeadm",
        'case $1 in\ninit) mkdir -p "$ROOT/etc/kubernetes/pki/etcd"; cd "$ROOT/etc/kubernetes"\n'
        'touch admin.conf controller-manager.conf scheduler.conf pki/apiserver.crt pki/etcd/server.crt "$ROOT/up" ;;\n'
        'reset) rm -f "$ROOT/up" ;;\nesac',
    )
    machine.stub("kubectl", f"[[ -e $ROOT/up ]] || exit 1\n{NODE_IS_READY}")
    machine.stub("crictl")
    machine.stub("openssl", 'cat >/dev/null; echo "notAfter=Nov 24 00:00:00 2027 GMT"')
    return machine


def test_init_is_done_once(control_plane: Machine) -> None:
    """The second run only looks."""
    first = control_plane.run("init", VALUES)
    assert (first.status, first.stderr) == (0, "node1: kubeadm init is done\n")
    assert "certificate etcd/server 2027-11-24\n" in first.stdout
    assert kubeadm_calls(control_plane) == ["kubeadm init"]
    second = control_plane.run("init", VALUES)
    assert (second.status, second.stderr, kubeadm_calls(control_plane)) == (0, "", [])


def test_a_changed_init_of_a_machine_without_its_cluster_is_refused(control_plane: Machine) -> None:
    """A machine that was made anew must not silently become another cluster."""
    finished = control_plane.send(control_plane.text("init", MAY_RESET), "verify")
    assert finished.status == 1
    assert "expected the control plane that this stack made" in finished.stderr
    assert kubeadm_calls(control_plane) == []


def test_an_init_that_was_cut_short_is_left_for_a_person_to_judge(control_plane: Machine) -> None:
    """Unless the stack allows the reset."""
    control_plane.write(f"{STATE}/init-started", "")
    finished = control_plane.run("init", VALUES)
    assert finished.status == 1
    assert "policy.resetOnFailure" in finished.stderr
    assert kubeadm_calls(control_plane) == []
    assert control_plane.run("init", MAY_RESET).status == 0
    assert kubeadm_calls(control_plane) == ["kubeadm reset", "kubeadm init"]


def test_an_init_whose_cluster_is_complete_is_never_reset(control_plane: Machine) -> None:
    """Only its mark was missing."""
    control_plane.write(f"{STATE}/init-started", "")
    control_plane.write("/etc/kubernetes/admin.conf", "")
    control_plane.write("/up", "")
    assert control_plane.run("init", MAY_RESET).status == 0
    assert kubeadm_calls(control_plane) == []
    assert control_plane.path(f"{STATE}/initialized").exists()


def test_expired_certificates_are_renewed_although_the_api_does_not_answer(control_plane: Machine) -> None:
    """It trusts nobody any more, and a kubelet whose own certificate expired does not start."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.path("/up").unlink()
    control_plane.write("/etc/kubernetes/kubelet.conf", "expired")
    control_plane.stub(
        "openssl", 'case "$*" in *-checkend*) exit 1 ;; esac; cat >/dev/null; echo "notAfter=Nov 24 2027 GMT"'
    )
    control_plane.stub("kubeadm", 'case "$*" in\n*kubelet*) touch "$ROOT/new-kubelet" ;;\nesac')
    control_plane.stub("systemctl", 'if [[ -e $ROOT/new-kubelet ]]; then touch "$ROOT/up"; fi')
    control_plane.stub("crictl", 'case "$*" in *ps*apiserver*) [[ ! -e $ROOT/up ]] || echo another ;; esac')
    control_plane.calls()
    finished = control_plane.send(control_plane.text("init", VALUES | {"CERTIFICATE_GENERATION": "1"}), "verify")
    assert finished.status == 0, finished.stderr
    assert kubeadm_calls(control_plane) == ["kubeadm certs", "kubeadm init"]
    assert finished.stderr.splitlines() == [
        "node1: the expired certificate of the kubelet is replaced",
        "node1: certificates are renewed",
    ]


def test_a_failed_init_shows_the_end_of_what_kubeadm_said(control_plane: Machine) -> None:
    """And leaves no mark of success."""
    control_plane.stub("kubeadm", "printf 'a\\n\\nerror: port 6443 is in use\\n'; exit 1")
    finished = control_plane.run("init", VALUES)
    assert finished.status == 1
    assert "    error: port 6443 is in use\n  Next: " in finished.stderr
    assert not control_plane.path(f"{STATE}/initialized").exists()


@pytest.fixture
def worker(machine: Machine) -> Machine:
    """A prepared host whose kubeadm works, and a control plane that lets it in."""
    machine.stub(
        "kubeadm",
        'case $1 in\njoin) touch "$ROOT/etc/kubernetes/kubelet.conf" "$ROOT/joined" ;;\n'
        'reset) rm -f "$ROOT/joined" "$ROOT/etc/kubernetes/kubelet.conf" ;;\nesac',
    )
    machine.stub("kubectl", f"[[ -e $ROOT/joined ]] || exit 1\n{NODE_IS_READY}")
    machine.stub("curl", "printf 200")
    machine.stub("crictl")
    return machine


def test_a_worker_joins_once(worker: Machine) -> None:
    """Its token is not left behind, and no list of processes shows it."""
    first = worker.run("join", VALUES, DISCOVERY)
    assert first.status == 0, first.stderr
    calls = worker.calls()
    assert len([call for call in calls if call.startswith("kubeadm join ")]) == 1
    assert "0123456789abcdef" not in "".join(calls)
    assert not worker.path("/etc/kubernetes/kubeadm/discovery.conf").exists()
    second = worker.run("join", VALUES, DISCOVERY)
    assert (second.status, second.stderr, kubeadm_calls(worker)) == (0, "", [])


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_wrong_is_named_before_the_join(worker: Machine, minutes: int) -> None:
    """Certificates are not valid by it."""
    there = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
    worker.stub("curl", f"printf 'HTTP/2 401 \\r\\ndate: {there:%a, %d %b %Y %T} GMT\\r\\n\\r\\n'")
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 1
    assert "node1: join: expected a clock within 60 s of the control plane's" in finished.stderr
    assert re.search(rf"saw {'-' * (minutes > 0)}(599|600|601) s of difference", finished.stderr)
    assert kubeadm_calls(worker) == []


def test_a_token_that_expired_is_known_before_kubeadm_waits_for_it(worker: Machine) -> None:
    """With the command that makes a new one."""
    worker.stub("curl", "printf 401")
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 1
    assert "set gone: true for node1 in the stack file" in finished.stderr
    assert kubeadm_calls(worker) == []


def test_a_node_of_another_cluster_is_left_alone(worker: Machine) -> None:
    """Its certificate authority is another one."""
    worker.write("/etc/kubernetes/pki/ca.crt", "another certificate\n")
    finished = worker.run("join", MAY_RESET, DISCOVERY)
    assert finished.status == 1
    assert "expected a machine that is not in another cluster" in finished.stderr
    assert kubeadm_calls(worker) == []


def test_a_machine_that_was_made_anew_joins_on_a_change_too(worker: Machine) -> None:
    """To join destroys nothing; without a valid token it does not come to it."""
    finished = worker.send(worker.text("join", MAY_RESET, DISCOVERY), "verify")
    assert finished.status == 0, finished.stderr
    assert kubeadm_calls(worker) == ["kubeadm join"]


def test_a_join_that_was_cut_short_early_starts_over(worker: Machine) -> None:
    """Nothing is lost before the kubelet has its certificate."""
    worker.write(f"{STATE}/join-started", "")
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    assert kubeadm_calls(worker) == ["kubeadm reset", "kubeadm join"]


def test_a_join_that_was_cut_short_late_is_reset_only_where_the_stack_allows_it(worker: Machine) -> None:
    """The node may be in the cluster by then."""
    worker.write(f"{STATE}/join-started", "")
    worker.write("/etc/kubernetes/kubelet.conf", "")
    assert worker.run("join", VALUES, DISCOVERY).status == 1
    assert kubeadm_calls(worker) == []
    assert worker.run("join", MAY_RESET, DISCOVERY).status == 0
    assert kubeadm_calls(worker) == ["kubeadm reset", "kubeadm join"]


MEMBERSHIP = {"WORKER_NAME": "node2", "KUBERNETES_VERSION": "1.36.3", "TAINTS": ""}


@pytest.fixture
def initialised(machine: Machine) -> Machine:
    """A control plane that drains for a minute."""
    machine.write(f"{STATE}/drain-timeout-seconds", "60")
    machine.write("/etc/kubernetes/pki/ca.crt", CA)
    return machine


def test_a_token_comes_with_server_and_certificate(machine: Machine) -> None:
    """All that kubeadm needs to trust the control plane, in the form of a kubeconfig."""
    machine.write("/etc/kubernetes/pki/ca.crt", CA)
    machine.stub("kubeadm", "echo abcdef.0123456789abcdef")
    machine.stub("kubectl", "[[ $1 != get ]] || exit 1\nprintf https://192.0.2.11:6443")
    finished = machine.run("membership", MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    found = yaml.safe_load(finished.stdout)
    assert found["clusters"][0]["cluster"] == {
        "server": "https://192.0.2.11:6443",
        "certificate-authority-data": base64.b64encode(CA.encode()).decode(),
    }
    assert found["users"][0]["user"] == {"token": "abcdef.0123456789abcdef"}
    assert any("--ttl 15m" in call for call in machine.calls())


def test_a_node_that_is_ready_gets_no_token(machine: Machine) -> None:
    """It needs none."""
    machine.write("/etc/kubernetes/pki/ca.crt", CA)
    machine.stub("kubectl", NODE_IS_READY)
    finished = machine.run("membership", MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    assert yaml.safe_load(finished.stdout)["users"][0]["user"] == {"token": None}


def test_a_node_of_another_version_is_drained_for_its_upgrade(initialised: Machine) -> None:
    """It is marked first, so that it is given back even if this is cut short."""
    initialised.stub("kubectl", NODE_IS_READY)
    finished = initialised.run("membership", MEMBERSHIP | {"KUBERNETES_VERSION": "1.37.1"})
    assert finished.status == 0, finished.stderr
    verbs = [call.split()[1] for call in initialised.calls()]
    assert verbs.index("annotate") < verbs.index("cordon") < verbs.index("drain")


def test_a_drain_that_cannot_finish_names_the_pods_and_what_keeps_them(initialised: Machine) -> None:
    """A disruption budget, for one."""
    initialised.stub(
        "kubectl",
        'case "$*" in\ndrain*) echo "error: would violate the disruption budget" >&2; exit 1 ;;\n'
        '*ownerReferences*) printf "ReplicaSet shop/web-1\\nDaemonSet kube-system/calico\\n shop/bare\\n" ;;\n'
        "*Ready*) echo True ;;\nesac",
    )
    finished = initialised.run("leave", MEMBERSHIP)
    assert finished.status == 1
    assert "expected node node2 to drain within 60 s" in finished.stderr
    assert "pods that stay: shop/web-1 shop/bare\n" in finished.stderr
    assert "would violate the disruption budget" in finished.stderr
    assert not [call for call in initialised.calls() if "delete node" in call]


def test_a_node_that_leaves_is_drained_and_deleted(initialised: Machine) -> None:
    """In this order; a second run finds nothing to do."""
    left = 'case "$*" in "delete node"*) touch "$ROOT/left" ;; "get node"*) [[ ! -e $ROOT/left ]] || exit 1 ;; esac'
    initialised.stub("kubectl", f"{left}\n{NODE_IS_READY}")
    assert initialised.run("leave", MEMBERSHIP).status == 0
    verbs = [call.split()[1] for call in initialised.calls()]
    assert verbs.index("drain") < verbs.index("delete")
    second = initialised.run("leave", MEMBERSHIP)
    assert (second.status, second.stderr) == (0, "")


def test_the_node_of_a_machine_that_is_down_is_deleted_without_a_drain(initialised: Machine) -> None:
    """Its pods could not end."""
    initialised.stub("kubectl", 'case "$*" in *Ready*) echo Unknown ;; esac')
    assert initialised.run("leave", MEMBERSHIP).status == 0
    verbs = [call.split()[1] for call in initialised.calls()]
    assert "drain" not in verbs
    assert "delete" in verbs


def test_a_machine_that_dies_while_it_is_drained_is_not_waited_for(initialised: Machine) -> None:
    """As one that was switched off a moment before: its node is Ready until the control plane misses it."""
    initialised.stub(
        "kubectl",
        'case "$*" in\ndrain*) touch "$ROOT/draining"; exec sleep 300 ;;\n'
        "*Ready*) if [[ -e $ROOT/draining ]]; then echo Unknown; else echo True; fi ;;\nesac",
    )
    finished = initialised.run("leave", MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    assert "node2 does not answer any more: its pods are not waited for\n" in finished.stderr
    assert [call for call in initialised.calls() if "delete node" in call]


@pytest.mark.parametrize(
    ("before", "wanted", "expected"),
    [
        ("", "a=b:NoSchedule", ["--overwrite node node2 a=b:NoSchedule"]),
        ("a=b:NoSchedule", "", ["node node2 a:NoSchedule-"]),
        (
            "a:NoSchedule\nc:NoExecute",
            "a:NoSchedule\nc:NoSchedule",
            ["node node2 c:NoExecute-", "--overwrite node node2 c:NoSchedule"],
        ),
        ("a:NoSchedule", "a:NoSchedule", []),
    ],
)
def test_taints_follow_the_stack_and_those_of_others_stay(
    initialised: Machine, before: str, wanted: str, expected: list[str]
) -> None:
    """Only what we set before is taken away."""
    initialised.write(f"{STATE}/taints-of-node2", before)
    initialised.stub("kubectl", NODE_IS_READY)
    assert initialised.run("membership", MEMBERSHIP | {"TAINTS": wanted}).status == 0
    calls = [call.removeprefix("kubectl taint ") for call in initialised.calls() if call.startswith("kubectl taint")]
    assert calls == expected
    assert initialised.path(f"{STATE}/taints-of-node2").read_text() == wanted


def test_a_missing_admin_conf_is_an_error_and_not_an_empty_kubeconfig(machine: Machine) -> None:
    """The provider would take the operator's own cluster."""
    machine.path("/etc/kubernetes").mkdir()
    finished = machine.run("kubeconfig")
    assert (finished.status, finished.stdout) == (1, "")
    machine.write("/etc/kubernetes/admin.conf", "clusters:\n- name: dev\n")
    machine.stub("openssl", "echo 'notAfter=Nov 24 00:00:00 2027 GMT'")
    assert machine.run("kubeconfig").stdout == "# expires 2027-11-24\nclusters:\n- name: dev\n"
