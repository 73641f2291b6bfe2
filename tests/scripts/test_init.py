"""The step `init`: a cluster is made once, and never over another one."""

from __future__ import annotations

import pytest

from tests.scripts.cluster import (
    FOREIGN_MACHINE,
    MAY_RESET,
    NODE_IS_READY,
    SAMPLES,
    STATE,
    VALUES,
    calls_in_order,
    kubeadm_calls,
)
from tests.scripts.machine import Machine


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
