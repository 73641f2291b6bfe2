"""The step `init` of a control plane that runs: a change is applied, and taken back where it does not work."""

from __future__ import annotations

import pytest

from tests.scripts.cluster import CHANGED, NODE_IS_READY, STATE, VALUES
from tests.scripts.machine import Machine

MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"


def test_arguments_that_work_stay(running: Machine) -> None:
    """And are remembered."""
    running.write("/wanted", "new\n")
    finished = running.send(running.text("init", CHANGED), "verify")
    assert finished.status == 0, finished.stderr
    assert running.path(MANIFEST).read_text() == "new\n"
    assert running.path("/etc/kubernetes/pki/apiserver.crt").read_text() == "new\n"
    assert not running.path(f"{STATE}/manifests").exists()
    assert running.send(running.text("init", CHANGED), "verify").stderr == ""


def test_an_api_server_is_ready_when_its_own_address_answers(running: Machine) -> None:
    """A load balancer of the owner's answers by another one meanwhile, and clients would come in too early."""
    running.write("/wanted", "    - --advertise-address=192.0.2.11\n")
    running.stub(
        "kubectl", f'[[ "$*" != "--server https://192.0.2.11:6443 get --raw /readyz"* ]] || exit 1\n{NODE_IS_READY}'
    )
    finished = running.send(running.text("init", CHANGED), "verify")
    assert finished.status == 1
    assert "expected kube-apiserver to run with its new arguments within 180 s" in finished.stderr


@pytest.mark.parametrize(
    ("edit", "begins"),
    [
        ({"CLUSTER_CONFIGURATION_SHA256": "other"}, "phase upload-config kubeadm"),
        ({"KUBELET_CONFIGURATION_SHA256": "other"}, "phase upload-config kubelet"),
        ({"KUBE_PROXY_CONFIGURATION_SHA256": "other"}, "phase addon kube-proxy"),
    ],
)
def test_a_change_that_was_cut_short_is_applied_anew_where_its_edit_is_taken_back(
    running: Machine, edit: dict[str, str], begins: str
) -> None:
    """The mark of what ran before would say that there is nothing to do, and the control plane runs with the edit."""
    running.write("/wanted", "new\n")
    running.write("/var/lib/kubelet/config.yaml", "old\n")
    for program in ("systemctl", "curl"):
        running.stub(program)
    kubeadm = running.root / "stubs" / "kubeadm"
    works = kubeadm.read_text()
    kubeadm.write_text(f'{works}[[ "$*" != *"{begins}"* ]] || kill -9 $PPID\n')
    assert running.send(running.text("init", VALUES | edit), "verify").status == 137
    kubeadm.write_text(works)
    running.write("/wanted", "old\n")
    running.calls()
    assert running.send(running.text("init", VALUES), "verify").status == 0
    assert [call for call in running.calls() if begins in call]


def test_a_copy_whose_deletion_was_cut_short_is_not_put_back(running: Machine) -> None:
    """Half of it: the next run would put back what is left of it."""
    running.write("/wanted", "new\n")
    half = '[[ "$*" != *"pulumi-kubeadm/manifests"* || ! -e ${!#}/kube-apiserver.yaml ]] ||'
    half += '{ /bin/rm "${!#}"/*; kill -9 $PPID; exit; }\n'
    running.stub("rm", f'{half}exec /bin/rm "$@"')
    assert running.send(running.text("init", CHANGED), "verify").status != 0
    running.stub("rm", 'exec /bin/rm "$@"')
    running.write("/wanted", "newer\n")
    finished = running.send(running.text("init", CHANGED), "verify")
    assert finished.status == 0, finished.stderr
    assert running.path(MANIFEST).read_text() == "newer\n"


def test_arguments_that_do_not_work_are_taken_back(running: Machine) -> None:
    """The control plane runs on as it did, and the next update tries again."""
    running.write("/wanted", "wrong\n")
    for _ in range(2):
        finished = running.send(running.text("init", CHANGED), "verify")
        assert finished.status == 1
        assert "expected kube-apiserver to run with its new arguments" in finished.stderr
        assert "saw Error: unknown flag: --wrong" in finished.stderr
        assert running.path(MANIFEST).read_text() == "old\n"
    running.write("/wanted", "new\n")
    assert running.send(running.text("init", CHANGED), "verify").status == 0


def test_a_certificate_that_cannot_be_made_leaves_the_old_one(running: Machine) -> None:
    """Without one the API server would not start again."""
    running.write("/wanted", "new\n")
    running.write("/no-certificate", "")
    assert running.send(running.text("init", CHANGED), "verify").status == 1
    assert running.path("/etc/kubernetes/pki/apiserver.key").read_text() == "old\n"


def test_a_change_that_a_power_cut_ended_is_taken_back_first(running: Machine) -> None:
    """Before anything waits for an API server that has no certificate, or wrong arguments."""
    running.write(f"{STATE}/manifests/kube-apiserver.yaml", "old\n")
    running.write(MANIFEST, "wrong\n")
    running.write(f"{STATE}/api-certificate/apiserver.key", "old\n")
    running.write(f"{STATE}/api-certificate/apiserver.crt", "old\n")
    running.path("/etc/kubernetes/pki/apiserver.crt").unlink()
    finished = running.send(running.text("init", VALUES), "verify")
    assert finished.status == 0, finished.stderr
    assert running.path(MANIFEST).read_text() == "old\n"
    assert running.path("/etc/kubernetes/pki/apiserver.crt").read_text() == "old\n"


def test_a_kubelet_that_does_not_run_with_its_new_configuration_gets_the_old_one_back(running: Machine) -> None:
    """And other nodes never hear of it."""
    running.write("/var/lib/kubelet/config.yaml", "old\n")
    running.stub("kubeadm", 'case "$*" in *kubelet-start*) echo wrong >"$ROOT/var/lib/kubelet/config.yaml" ;; esac')
    running.stub("systemctl")
    running.stub("journalctl", 'echo "E1125 failed to run Kubelet: maxPods must be positive"')
    running.stub("curl", "exit 1")
    running.replace("lib/kubelet", "comes_true 120", "comes_true 1")
    finished = running.send(running.text("init", VALUES | {"KUBELET_CONFIGURATION_SHA256": "other"}), "verify")
    assert finished.status == 1
    assert "saw E1125 failed to run Kubelet: maxPods must be positive" in finished.stderr
    assert running.path("/var/lib/kubelet/config.yaml").read_text() == "old\n"
    assert not [call for call in running.calls() if "upload-config" in call]


def test_a_kubelet_that_says_nothing_gets_its_old_configuration_back_too(running: Machine) -> None:
    """The reason is for the message alone."""
    running.write("/var/lib/kubelet/config.yaml", "old\n")
    running.stub("kubeadm", 'case "$*" in *kubelet-start*) echo wrong >"$ROOT/var/lib/kubelet/config.yaml" ;; esac')
    running.stub("systemctl")
    running.stub("journalctl")
    running.stub("curl", "exit 1")
    running.replace("lib/kubelet", "comes_true 120", "comes_true 1")
    finished = running.send(running.text("init", VALUES | {"KUBELET_CONFIGURATION_SHA256": "other"}), "verify")
    assert finished.status == 1
    assert "expected the kubelet to run with its new configuration" in finished.stderr
    assert running.path("/var/lib/kubelet/config.yaml").read_text() == "old\n"


def test_a_kubelet_that_is_healthy_for_a_moment_gets_its_old_configuration_back(running: Machine) -> None:
    """A kubelet that its cgroups refuse is healthy before it ends, and systemd starts it again and again."""
    running.write("/var/lib/kubelet/config.yaml", "old\n")
    running.stub("kubeadm", 'case "$*" in *kubelet-start*) echo wrong >"$ROOT/var/lib/kubelet/config.yaml" ;; esac')
    running.stub("systemctl", '[[ $1 != show ]] || wc --lines <"$ROOT/calls"')
    running.stub("journalctl", 'echo "E1125 Failed to start ContainerManager"')
    running.stub("curl")
    running.replace("lib/kubelet", "comes_true 120", "comes_true 1")
    finished = running.send(running.text("init", VALUES | {"KUBELET_CONFIGURATION_SHA256": "other"}), "verify")
    assert finished.status == 1
    assert "saw E1125 Failed to start ContainerManager" in finished.stderr
    assert running.path("/var/lib/kubelet/config.yaml").read_text() == "old\n"


@pytest.mark.parametrize("query", ["get crd", "get ippools"])
def test_a_pool_is_changed_although_the_api_fails_to_answer_once(running: Machine, query: str) -> None:
    """The mark would name the new pool, and no later step would change the pool."""
    once = f'[[ -e $ROOT/refused || "$*" != "{query}"* ]] || {{ touch "$ROOT/refused"; echo refused >&2; exit 1; }}\n'
    running.stub("kubectl", once + NODE_IS_READY)
    finished = running.send(running.text("init", VALUES | {"VXLAN_MODE": "CrossSubnet"}), "verify")
    assert finished.status == 0, finished.stderr
    assert [call for call in running.calls() if "CrossSubnet" in call]


def test_a_kubelet_whose_change_a_power_cut_ended_has_its_old_configuration_before_the_api_is_awaited(
    running: Machine,
) -> None:
    """It starts the API server: a corrected configuration would come too late. What lies in /run is gone by then."""
    running.write("/var/lib/kubelet/config.yaml", "old\n")
    running.stub(
        "kubeadm",
        'case "$*" in *kubelet-start*) echo wrong >"$ROOT/var/lib/kubelet/config.yaml"; kill -9 $PPID ;; esac',
    )
    running.stub("curl")
    running.stub("systemctl")
    assert (
        running.send(running.text("init", VALUES | {"KUBELET_CONFIGURATION_SHA256": "other"}), "verify").status == 137
    )
    assert running.path("/var/lib/kubelet/config.yaml").read_text() == "wrong\n"
    running.stub("kubeadm")
    running.stub("kubectl", f'[[ $(cat "$ROOT/var/lib/kubelet/config.yaml") == old ]] || exit 1\n{NODE_IS_READY}')
    running.replace("lib/control_plane", "wait_for 240", "wait_for 1")
    finished = running.send(running.text("init", VALUES), "verify")
    assert finished.status == 0, finished.stderr
    assert running.path("/var/lib/kubelet/config.yaml").read_text() == "old\n"
    assert not running.path(f"{STATE}/kubelet").exists()
