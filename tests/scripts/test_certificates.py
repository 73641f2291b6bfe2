"""The step `init` of a control plane that runs: its certificates, which are made, renewed and put back."""

from __future__ import annotations

import pytest

from tests.scripts.cluster import ETCD, NODE_IS_READY, OWN_MEMBER, STATE, VALUES, kubeadm_calls
from tests.scripts.machine import Finished, Machine


@pytest.mark.parametrize("missing", ["crt", "key"])
def test_a_certificate_that_is_missing_without_a_copy_is_made(running: Machine, missing: str) -> None:
    """The API server, which is awaited afterwards, does not start without."""
    running.path(f"/etc/kubernetes/pki/apiserver.{missing}").write_text("")
    running.stub("kubectl", f"[[ -s $ROOT/etc/kubernetes/pki/apiserver.crt ]] || exit 1\n{NODE_IS_READY}")
    running.replace("lib/control_plane", "wait_for 240", "wait_for 1")
    finished = running.send(running.text("init", VALUES), "verify")
    assert finished.stderr == "node1: the certificate of the API server, which was missing, is made\n"
    assert running.path("/etc/kubernetes/pki/apiserver.key").read_text() == "new\n"
    assert running.send(running.text("init", VALUES), "verify").stderr == ""


def test_a_certificate_that_cannot_be_read_has_no_day_of_expiry(control_plane: Machine) -> None:
    """Neither today nor an empty one: `make status` would show it."""
    control_plane.stub("openssl", "exit 1")
    finished = control_plane.run("init", VALUES)
    assert finished.status == 1
    assert "certificate " not in finished.stdout


EXPIRED = (
    'case "$*" in *-checkend*) echo "Certificate will expire"; exit 1 ;; esac\n'
    'cat >/dev/null; echo "notAfter=Nov 24 2027 GMT"'
)
"""An openssl of certificates whose time is over."""


def test_expired_certificates_are_renewed_although_the_api_does_not_answer(control_plane: Machine) -> None:
    """It trusts nobody any more, and a kubelet whose own certificate expired does not start."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    control_plane.path("/up").unlink()
    control_plane.write("/etc/kubernetes/kubelet.conf", "expired")
    control_plane.stub("openssl", EXPIRED)
    control_plane.stub("kubeadm", 'case "$*" in\n*kubelet*) touch "$ROOT/new-kubelet" ;;\nesac')
    control_plane.stub("systemctl", 'if [[ -e $ROOT/new-kubelet ]]; then touch "$ROOT/up"; fi')
    expired = '[[ $* != *"get majority"* ]] || exit 1'
    control_plane.stub(
        "crictl", f"{expired}\n{ETCD}" + 'case "$*" in *ps*apiserver*) [[ ! -e $ROOT/up ]] || echo another ;; esac'
    )
    control_plane.calls()
    finished = control_plane.send(control_plane.text("init", VALUES | {"CERTIFICATE_GENERATION": "1"}), "verify")
    assert finished.status == 0, finished.stderr
    assert kubeadm_calls(control_plane) == ["kubeadm certs", "kubeadm init"]
    assert finished.stderr.splitlines() == [
        "node1: the expired certificate of the kubelet is replaced",
        "node1: certificates are renewed",
    ]


def test_one_of_several_control_planes_with_expired_certificates_names_the_page(control_plane: Machine) -> None:
    """It hears no majority until a second one has new certificates, too, and that one waits for its turn."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    control_plane.replace("parts/control_plane/renewal", "wait_for 180", "wait_for 1")
    control_plane.path("/up").unlink()
    control_plane.stub("crictl", "[[ $* != *etcdctl* ]] || exit 1")
    control_plane.stub("openssl", EXPIRED)
    finished = renew(control_plane)
    assert finished.status == 1
    assert "expected the API server to restart with its new certificate" in finished.stderr
    assert "docs/how-to/renew-certificates.md" in finished.stderr


@pytest.mark.parametrize("openssl", ['echo "Certificate will not expire"', "exit 1"])
def test_a_silent_control_plane_has_no_expired_certificates_unless_openssl_finds_them_expired(
    control_plane: Machine, openssl: str
) -> None:
    """Its API server and etcd are silent for another reason, and the majority may go with its member of etcd."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    control_plane.path("/up").unlink()
    control_plane.stub("crictl", "[[ $* != *etcdctl* ]] || exit 1")
    control_plane.replace("parts/control_plane/renewal", "wait_for 180", "wait_for 1")
    control_plane.stub("openssl", openssl)
    control_plane.calls()
    finished = renew(control_plane)
    assert finished.status == 1
    assert "to answer, whose certificates have not expired,\n  saw silence for 1 s" in finished.stderr
    assert not [call for call in control_plane.calls() if call.startswith(("kubeadm certs", "crictl stop"))]


RENEWS = (
    f'{ETCD}case "$*" in\n*"ps --quiet"*apiserver*) [[ ! -e $ROOT/stopped ]] || echo an; echo other ;;\n'
    '*"stop "*) touch "$ROOT/stopped" ;;\nesac'
)
"""A crictl that starts another API server for one that is stopped."""


def renew(machine: Machine) -> Finished:
    """A renewal of certificates, in a later run."""
    return machine.send(machine.text("init", VALUES | {"CERTIFICATE_GENERATION": "1"}), "verify")


def test_an_api_that_does_not_answer_once_has_no_expired_certificates(control_plane: Machine) -> None:
    """Its certificates are renewed as those of a cluster that serves: another control plane serves clients before."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    control_plane.stub("crictl", RENEWS)
    once = '[[ -e $ROOT/requested ]] || { touch "$ROOT/requested"; exit 1; }'
    control_plane.stub("kubectl", f"{once}\n{NODE_IS_READY}")
    control_plane.calls()
    finished = renew(control_plane)
    assert finished.status == 0, finished.stderr
    calls = control_plane.calls()
    (diverted,) = [number for number, call in enumerate(calls) if call == "detour begins"]
    (renewed,) = [number for number, call in enumerate(calls) if call.startswith("kubeadm certs renew")]
    assert diverted < renewed


def test_what_a_power_cut_left_empty_in_a_renewal_is_put_back(control_plane: Machine) -> None:
    """kubeadm syncs none of it, and reads an empty file no more."""
    assert control_plane.run("init", VALUES).status == 0
    kept = control_plane.write("/etc/kubernetes/controller-manager.conf", "old\n")
    control_plane.stub("kubeadm", f"[[ $2 != renew ]] || {{ : >{kept}; exit 1; }}")
    assert "expected kubeadm certs renew all to succeed" in renew(control_plane).stderr
    control_plane.stub("kubeadm")
    control_plane.stub("systemctl")
    control_plane.stub("crictl", RENEWS)
    finished = renew(control_plane)
    assert finished.status == 0, finished.stderr
    assert f"{kept}, which a power cut had left empty, is as it was before" in finished.stderr
    assert kept.read_text() == "old\n"
    assert not control_plane.path(f"{STATE}/before-upgrade").exists()
