"""The step `init` of a control plane that runs: its upgrade, and the clients and the data that are safe meanwhile."""

from __future__ import annotations

import time

import pytest

from tests.scripts.cluster import DETOUR, NODE_IS_READY, OWN_MEMBER, STATE, UPGRADE, VALUES, bundles, calls_in_order
from tests.scripts.machine import Machine


@pytest.fixture
def upgrading(saved: Machine) -> Machine:
    """A control plane whose upgrade fails at once."""
    saved.stub("dpkg-query", "printf 'installed 1.36.4-1.1'")
    saved.stub("apt-mark", 'printf "kubeadm\\nkubelet\\nkubectl\\n"')
    saved.stub("kubeadm", '[[ "$*" != *"upgrade apply"* ]]')
    return saved


def upgrade(machine: Machine) -> str:
    """Standard error of an upgrade that fails."""
    finished = machine.send(machine.text("init", UPGRADE), "verify")
    assert finished.status == 1
    return finished.stderr


@pytest.mark.parametrize(("leads", "verb"), [("true", "apply v1.36.4 --yes"), ("false", "node")])
def test_one_control_plane_applies_an_upgrade_and_the_others_follow(upgrading: Machine, leads: str, verb: str) -> None:
    """Each hands its leadership of etcd over first, so that no write waits for an election, and its clients."""
    upgrading.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    upgrading.stub("kubeadm", '[[ "$1" != upgrade ]]')
    finished = upgrading.send(upgrading.text("init", UPGRADE | {"LEADS": leads}), "verify")
    assert finished.status == 1
    calls = upgrading.calls()
    (upgraded,) = [number for number, call in enumerate(calls) if call.startswith("kubeadm upgrade")]
    assert calls[upgraded].startswith(f"kubeadm upgrade {verb}")
    (moved,) = [number for number, call in enumerate(calls) if call.endswith("move-leader b2")]
    (saved,) = [number for number, call in enumerate(calls) if "snapshot save" in call]
    (diverted,) = [number for number, call in enumerate(calls) if call == "detour begins"]
    assert saved < moved < diverted < upgraded
    assert not upgrading.path("/detour").exists(), "a step that fails serves clients again"


def test_an_upgraded_control_plane_serves_for_some_time_before_its_clients_and_pods_come_back(saved: Machine) -> None:
    """Its pods leave before the kubelet restarts, which restarts the API server behind a node that is Ready already."""
    saved.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    saved.stub("apt-get", 'for each; do [[ $each != *=1.36.4-* ]] || touch "$ROOT/new-${each%%=*}"; done')
    saved.stub("dpkg-query", '[[ -e $ROOT/new-${!#} ]] && new=4 || new=3\nprintf "installed 1.36.$new-1.1"')
    saved.stub("apt-cache", 'echo "it | 1.36.4-1.1 | there"')
    saved.stub("apt-mark", 'printf "kubeadm\\nkubelet\\nkubectl\\n"')
    saved.stub("systemctl", '[[ $* != "restart kubelet" ]] || touch "$ROOT/restarted"')
    saved.stub("sleep")
    saved.stub(
        "kubectl",
        "case $* in\n*kubeletVersion*) [[ -e $ROOT/restarted ]] && new=4 || new=3; printf v1.36.$new; exit ;;\n"
        "*annotations.pulumi*) echo true; exit ;;\n*readyz*) [[ -e $ROOT/restarted ]] || exit 0\n"
        f'echo >>"$ROOT/looks"; (($(wc --lines <"$ROOT/looks") != 10)); exit ;;\nesac\n{NODE_IS_READY}',
    )
    saved.stub("kubeadm")
    saved.calls()
    finished = saved.send(saved.text("init", UPGRADE), "verify")
    assert finished.status == 0, finished.stderr
    assert calls_in_order(
        saved,
        *("detour begins", "kubeadm upgrade apply", "kubectl drain node1", "apt-get ", "systemctl restart kubelet"),
        *["kubectl get --raw /readyz"] * (10 + 20),
        *(
            "kubectl --namespace kube-system rollout status daemonset/kube-proxy",
            "detour ends",
            "kubectl uncordon node1",
        ),
    )
    assert saved.path(f"{STATE}/control-plane-version").read_text() == "1.36.4"


def test_a_control_plane_that_falls_ill_during_the_bundle_is_waited_for(upgrading: Machine) -> None:
    """As by a reboot of unattended-upgrades: a restart of etcd beside it would take the majority away."""
    upgrading.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    upgrading.write("/leader", "b2")
    upgrading.stub("sync", '[[ $* != *-snapshots ]] || touch "$ROOT/sick-192.0.2.12"')
    upgrading.replace("lib/etcd", "wait_for 120", "wait_for 1")
    assert "expected all other control planes to be well" in upgrade(upgrading)
    calls = upgrading.calls()
    assert [call for call in calls if "snapshot save" in call]
    assert not [call for call in calls if call.startswith("kubeadm upgrade") or "move-leader" in call]


@pytest.mark.parametrize(("leads", "uploads"), [("true", 1), ("false", 0)])
def test_an_upgrade_gives_the_kubelet_the_configuration_of_the_stack(
    upgrading: Machine, leads: str, uploads: int
) -> None:
    """kubeadm takes that of the cluster, which may have a feature gate that ends the new kubelet."""
    upgrading.stub("kubeadm", '[[ "$1" != upgrade ]]')
    assert upgrading.send(upgrading.text("init", UPGRADE | {"LEADS": leads}), "verify").status == 1
    calls = [call for call in upgrading.calls() if call.startswith("kubeadm ")]
    assert calls[-1].startswith("kubeadm upgrade ")
    assert len([call for call in calls if call.startswith("kubeadm init phase upload-config kubelet")]) == uploads


def test_an_upgrade_waits_for_a_leader_of_etcd(upgrading: Machine) -> None:
    """Without one nothing is known of who leads: the member that restarts may be the one that is about to."""
    upgrading.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    upgrading.write("/leader", "0")
    upgrading.replace("lib/etcd", "wait_for 60", "wait_for 1")
    errors = upgrade(upgrading)
    assert "expected another member of etcd to lead than that at 192.0.2.11 within 1 s" in errors
    assert "no member of etcd leads" in errors
    assert not [call for call in upgrading.calls() if call.startswith("kubeadm upgrade")]


def test_a_machine_without_iptables_says_that_requests_may_fail(upgrading: Machine) -> None:
    """Its clients stay with it."""
    upgrading.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    text = upgrading.path("/usr/local/lib/pulumi-kubeadm/unfinished/lib/clients.sh")
    text.write_text(text.read_text().replace("command -v iptables-restore", "false"))
    assert "node1: requests may fail while etcd restarts: without iptables" in upgrade(upgrading)


def test_the_only_control_plane_diverts_nobody(upgrading: Machine) -> None:
    """There is no other one for its clients."""
    upgrade(upgrading)
    assert not [call for call in upgrading.calls() if call == "detour begins"]


def test_clients_whom_a_run_diverted_that_was_cut_short_are_let_in(running: Machine) -> None:
    """By the next run, whatever it does."""
    running.write("/detour", DETOUR)
    assert running.send(running.text("init", VALUES), "verify").status == 0
    assert not running.path("/detour").exists()


def test_no_control_plane_is_upgraded_while_another_one_is_not_well(upgrading: Machine) -> None:
    """With it the majority may go."""
    upgrading.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    upgrading.write("/sick-192.0.2.12", "")
    upgrading.replace("lib/etcd", "wait_for 120", "wait_for 1")
    assert "expected all other control planes to be well within 1 s" in upgrade(upgrading)
    assert bundles(upgrading) == []
    assert not [call for call in upgrading.calls() if call.startswith(("apt-get", "kubeadm upgrade"))]


@pytest.mark.parametrize("damage", ["silent", "corrupt"])
def test_an_upgrade_without_a_whole_snapshot_does_not_begin(upgrading: Machine, damage: str) -> None:
    """etcdutl verifies it."""
    upgrading.write(f"/{damage}", "")
    assert "expected etcd to be saved" in upgrade(upgrading)
    assert bundles(upgrading) == []


def test_etcd_is_saved_for_each_attempt_of_an_upgrade(upgrading: Machine) -> None:
    """What an earlier attempt saved may be old; the file beside etcd's data does not stay."""
    for attempt in (1, 2):
        assert "expected kubeadm upgrade apply" in upgrade(upgrading)
        assert len([name for name in bundles(upgrading) if name.endswith("Z-before-1.36.4.bundle")]) == attempt
        time.sleep(1.1)  # its name has the second
    assert not upgrading.path("/var/lib/etcd/bundle.db").exists()


def test_what_a_power_cut_left_empty_in_an_upgrade_is_put_back(upgrading: Machine) -> None:
    """With the key of a certificate; what the upgrade wrote already stays."""
    kubernetes = upgrading.path("/etc/kubernetes")
    upgrading.stub(
        "kubeadm",
        '[[ "$*" == *"upgrade apply"* ]] || exit 0\ncd "$ROOT/etc/kubernetes"\n'
        ': >manifests/kube-apiserver.yaml; : >pki/apiserver.crt; : >"$ROOT/var/lib/kubelet/config.yaml"\n'
        "echo new | tee pki/apiserver.key >pki/etcd/server.crt\nexit 1",
    )
    assert "expected kubeadm upgrade apply" in upgrade(upgrading)
    upgrading.stub("kubeadm", '[[ "$*" != *"upgrade apply"* ]]')
    upgrading.stub("systemctl")
    errors = upgrade(upgrading)
    assert "expected kubeadm upgrade apply" in errors, "it goes on"
    for name in ("manifests/kube-apiserver.yaml", "pki/apiserver.crt", "pki/apiserver.key"):
        assert (kubernetes / name).read_text() == "old\n", name
    assert (kubernetes / "pki/etcd/server.crt").read_text() == "new\n"
    assert upgrading.path("/var/lib/kubelet/config.yaml").read_text() == "old\n"
    assert errors.count("which a power cut had left empty, is as it was before") == 3
    assert "systemctl restart kubelet" in upgrading.calls()
