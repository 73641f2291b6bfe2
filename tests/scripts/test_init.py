"""The step `init`: a cluster is made once, changed while it runs, and never lost by a change that does not work."""

from __future__ import annotations

import time

import pytest

from tests.scripts.cluster import (
    DETOUR,
    ETCD,
    FOREIGN_MACHINE,
    MAY_RESET,
    NODE_IS_READY,
    OWN_MEMBER,
    SAMPLES,
    STATE,
    VALUES,
    bundles,
    calls_in_order,
    kubeadm_calls,
)
from tests.scripts.machine import Finished, Machine


def test_init_is_done_once(control_plane: Machine) -> None:
    """The second run only looks."""
    first = control_plane.run("init", VALUES)
    assert (first.status, first.stderr) == (0, "node1: kubeadm init is done\n")
    assert "certificate etcd/server 2027-11-24\n" in first.stdout
    assert kubeadm_calls(control_plane) == ["kubeadm init"]
    second = control_plane.run("init", VALUES)
    assert (second.status, second.stderr, kubeadm_calls(control_plane)) == (0, "", [])


def test_what_kubeadm_wrote_is_on_the_disk_before_the_mark_says_that_it_is_there(control_plane: Machine) -> None:
    """A power cut would leave a control plane of empty files that counts as initialised."""
    control_plane.stub("sync")
    assert control_plane.run("init", VALUES).status == 0
    synced = [call.replace(str(control_plane.root), "") for call in control_plane.calls() if call.startswith("sync")]
    assert "sync --file-system /etc /var/lib" in synced
    assert synced.index("sync --file-system /etc /var/lib") < synced.index(f"sync {STATE}/initialized.new")


def test_a_changed_init_of_a_machine_without_its_cluster_is_refused(control_plane: Machine) -> None:
    """A machine that was made anew must not silently become another cluster."""
    finished = control_plane.send(control_plane.text("init", MAY_RESET), "verify")
    assert finished.status == 1
    assert "expected the control plane that this stack made" in finished.stderr
    assert (
        "beside other control planes: docs/how-to/lost-etcd-data.md; the only one: docs/how-to/lost-c"
        in finished.stderr
    )
    assert kubeadm_calls(control_plane) == []


def test_an_init_that_was_cut_short_is_left_for_a_person_to_judge(control_plane: Machine) -> None:
    """Unless the stack allows the reset."""
    control_plane.write(f"{STATE}/init-started", "")
    finished = control_plane.run("init", VALUES)
    assert finished.status == 1
    assert "policy.resetOnFailure" in finished.stderr
    assert kubeadm_calls(control_plane) == []
    assert control_plane.run("init", MAY_RESET).status == 0
    assert calls_in_order(control_plane, "kubeadm reset", "systemctl restart containerd", "crictl info", "kubeadm init")


def test_an_init_whose_cluster_is_complete_is_never_reset(control_plane: Machine) -> None:
    """Only its mark was missing."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.path(f"{STATE}/initialized").unlink()
    control_plane.calls()
    finished = control_plane.run("init", MAY_RESET)
    assert finished.status == 0
    assert "its mark was missing and is written" in finished.stderr
    assert kubeadm_calls(control_plane) == []
    assert control_plane.path(f"{STATE}/initialized").exists()


def test_values_that_a_later_run_wants_are_applied_to_a_cluster_without_its_mark(control_plane: Machine) -> None:
    """An init was cut short after kubeadm, or the mark was lost; then the stack file was edited."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.path(f"{STATE}/initialized").unlink()
    wanted = VALUES | {"KUBE_PROXY_CONFIGURATION_SHA256": "other"}
    control_plane.calls()
    finished = control_plane.run("init", wanted)
    assert finished.status == 0, finished.stderr
    assert "kube-proxy restarts with its new configuration" in finished.stderr
    assert kubeadm_calls(control_plane) == ["kubeadm init"], "its phase addon kube-proxy"
    other = control_plane.run("init", wanted | {"CLUSTER_IDENTITY": "name dev, pods 10.9.0.0/16"})
    assert "saw name dev, pods 10.244.0.0/16" in other.stderr


def test_values_of_an_init_that_was_cut_short_are_those_that_kubeadm_got(control_plane: Machine) -> None:
    """The step ended with kubeadm, whose cluster is complete; then the stack file was edited."""
    control_plane.replace("steps/init", 'changed "kubeadm init is done"', "exit 1")
    assert control_plane.run("init", VALUES).status == 1
    control_plane.replace("steps/init", "exit 1", 'changed "kubeadm init is done"')
    finished = control_plane.run("init", VALUES | {"CLUSTER_IDENTITY": "name dev, pods 10.9.0.0/16"})
    assert finished.status == 1
    assert "saw name dev, pods 10.244.0.0/16" in finished.stderr


def test_an_init_whose_cluster_does_not_answer_at_once_is_never_reset(control_plane: Machine) -> None:
    """Its machine was started a moment ago."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.path(f"{STATE}/initialized").unlink()
    once = '[[ -e $ROOT/refused ]] || { touch "$ROOT/refused"; echo refused >&2; exit 1; }\n'
    control_plane.stub("kubectl", once + NODE_IS_READY)
    control_plane.calls()
    assert control_plane.run("init", MAY_RESET).status == 0
    assert kubeadm_calls(control_plane) == []
    assert control_plane.path(f"{STATE}/initialized").exists()


CHANGED = VALUES | {"CLUSTER_CONFIGURATION_SHA256": "other"}
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


def test_an_api_server_is_ready_when_it_says_so_itself(running: Machine) -> None:
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


def test_what_kubeadm_writes_once_is_not_applied_to_the_cluster_of_a_forgotten_stack(control_plane: Machine) -> None:
    """After a destroy that left the cluster, the state cannot refuse it any more."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.calls()
    finished = control_plane.run("init", VALUES | {"CLUSTER_IDENTITY": "name dev, pods 10.9.0.0/16"})
    assert finished.status == 1
    assert "saw name dev, pods 10.244.0.0/16" in finished.stderr
    assert finished.stderr.index("set the stack file back") < finished.stderr.index(FOREIGN_MACHINE)
    assert "kubeadm reset" not in finished.stderr
    assert kubeadm_calls(control_plane) == []


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


@pytest.mark.parametrize("asked", ["get crd", "get ippools"])
def test_a_pool_is_changed_although_the_api_fails_to_answer_once(running: Machine, asked: str) -> None:
    """The mark would say so, and nothing would ever change it."""
    once = f'[[ -e $ROOT/refused || "$*" != "{asked}"* ]] || {{ touch "$ROOT/refused"; echo refused >&2; exit 1; }}\n'
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


def test_expired_certificates_are_renewed_although_the_api_does_not_answer(control_plane: Machine) -> None:
    """It trusts nobody any more, and a kubelet whose own certificate expired does not start."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    control_plane.path("/up").unlink()
    control_plane.write("/etc/kubernetes/kubelet.conf", "expired")
    control_plane.stub(
        "openssl", 'case "$*" in *-checkend*) exit 1 ;; esac; cat >/dev/null; echo "notAfter=Nov 24 2027 GMT"'
    )
    control_plane.stub("kubeadm", 'case "$*" in\n*kubelet*) touch "$ROOT/new-kubelet" ;;\nesac')
    control_plane.stub("systemctl", 'if [[ -e $ROOT/new-kubelet ]]; then touch "$ROOT/up"; fi')
    control_plane.stub("crictl", ETCD + 'case "$*" in *ps*apiserver*) [[ ! -e $ROOT/up ]] || echo another ;; esac')
    control_plane.calls()
    finished = control_plane.send(control_plane.text("init", VALUES | {"CERTIFICATE_GENERATION": "1"}), "verify")
    assert finished.status == 0, finished.stderr
    assert kubeadm_calls(control_plane) == ["kubeadm certs", "kubeadm init"]
    assert finished.stderr.splitlines() == [
        "node1: the expired certificate of the kubelet is replaced",
        "node1: certificates are renewed",
    ]


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
    once = '[[ -e $ROOT/asked ]] || { touch "$ROOT/asked"; exit 1; }'
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


def test_an_init_that_kubeadm_s_own_checks_refuse_is_none_that_was_cut_short(control_plane: Machine) -> None:
    """They change nothing: the next update goes on, without a reset."""
    works = (control_plane.root / "stubs" / "kubeadm").read_text()
    control_plane.write("/said", (SAMPLES / "kubeadm-1.36-preflight.log").read_text())
    control_plane.stub(
        "kubeadm", 'cat "$ROOT/said"; [[ "$*" != *"--skip-phases=preflight"* ]] || touch "$ROOT/skipped"; exit 1'
    )
    finished = control_plane.run("init", VALUES)
    assert finished.status == 1
    assert not control_plane.path("/skipped").exists()
    assert finished.stderr.splitlines()[:3] == [
        "node1: init: expected kubeadm init phase preflight to succeed,",
        "  saw \t[ERROR Port-6443]: Port 6443 is in use",
        "    \t[ERROR DirAvailable--var-lib-etcd]: /var/lib/etcd is not empty",
    ]
    assert "cluster.ignorePreflightErrors" in finished.stderr
    (control_plane.root / "stubs" / "kubeadm").write_text(works)
    control_plane.calls()
    assert control_plane.run("init", VALUES).status == 0
    assert kubeadm_calls(control_plane) == ["kubeadm init"]


def test_an_init_that_fails_later_is_one_that_was_cut_short(control_plane: Machine) -> None:
    """It leaves no mark of success, and says what failed."""
    control_plane.write("/said", (SAMPLES / "kubeadm-1.36-control-plane.log").read_text())
    control_plane.stub("kubeadm", '[[ "$*" == *"phase preflight"* ]] || { cat "$ROOT/said"; exit 1; }')
    finished = control_plane.run("init", VALUES)
    assert finished.status == 1
    assert "  saw [control-plane-check] kube-apiserver is not healthy after 4m0.001976302s\n" in finished.stderr
    assert not control_plane.path(f"{STATE}/initialized").exists()
    assert "an init of this stack that was cut short" in control_plane.run("init", VALUES).stderr


UPGRADE = VALUES | {"KUBERNETES_VERSION": "1.36.4"}


@pytest.fixture
def upgrading(saved: Machine) -> Machine:
    """A control plane whose upgrade fails at once."""
    saved.stub("dpkg-query", "printf 'installed 1.36.4-1.1'")
    saved.stub("apt-mark", 'printf "kubeadm\\nkubelet\\nkubectl\\n"')
    saved.stub("kubeadm", '[[ "$*" != *"upgrade apply"* ]]')
    return saved


def upgrade(machine: Machine) -> str:
    """An upgrade that fails; what it says."""
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
    said = upgrade(upgrading)
    assert "expected another member of etcd to lead than that at 192.0.2.11 within 1 s" in said
    assert "no member of etcd leads" in said
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
    said = upgrade(upgrading)
    assert "expected kubeadm upgrade apply" in said, "it goes on"
    for name in ("manifests/kube-apiserver.yaml", "pki/apiserver.crt", "pki/apiserver.key"):
        assert (kubernetes / name).read_text() == "old\n", name
    assert (kubernetes / "pki/etcd/server.crt").read_text() == "new\n"
    assert upgrading.path("/var/lib/kubelet/config.yaml").read_text() == "old\n"
    assert said.count("which a power cut had left empty, is as it was before") == 3
    assert "systemctl restart kubelet" in upgrading.calls()


@pytest.mark.parametrize(
    ("inside", "ignored"),
    [
        (["lost+found"], "Swap,DirAvailable--var-lib-etcd"),
        (["lost+found", "member"], "Swap"),
        ([], "Swap"),
        (None, "Swap"),
    ],
)
def test_a_file_system_for_the_data_of_etcd_is_taken_as_it_is_made(
    control_plane: Machine, inside: list[str] | None, ignored: str
) -> None:
    """Its root has lost+found, which kubeadm counts as data of another cluster."""
    for name in inside or ([] if inside is None else [""]):
        control_plane.path(f"/var/lib/etcd/{name}").mkdir(parents=True)
    assert control_plane.run("init", VALUES | {"IGNORE_PREFLIGHT_ERRORS": "Swap"}).status == 0
    (checked,) = [call for call in control_plane.calls() if "phase preflight" in call]
    assert checked.endswith(f"--ignore-preflight-errors={ignored}")
