"""The policy of the audit log reaches the API server, and the former one stays until the new one works."""

from __future__ import annotations

from components.host_files import File
from tests.scripts.cluster import CHANGED, VALUES
from tests.scripts.machine import Machine

OLD, NEW = (
    File(f"/etc/kubernetes/api-server/audit-policy-{name}.yaml", f"{name}\n", "0600") for name in ("old", "new")
)
LOGS = "/var/log/kubernetes/audit"


def policies(machine: Machine) -> list[str]:
    """Names of the policies on the machine."""
    return sorted(path.name for path in machine.path("/etc/kubernetes/api-server").glob("*"))


def test_kubeadm_finds_the_policy_when_it_initialises(control_plane: Machine) -> None:
    """An API server with the argument, and without the file, would not start."""
    kubeadm = control_plane.root / "stubs" / "kubeadm"
    found = 'cat "$ROOT/etc/kubernetes/api-server/audit-policy-old.yaml" >"$ROOT/found"'
    kubeadm.write_text(kubeadm.read_text().replace('"init --config")', f'"init --config") {found};'))
    finished = control_plane.run("init", VALUES, [OLD])
    assert finished.status == 0, finished.stderr
    assert control_plane.path("/found").read_text() == "old\n"
    assert control_plane.path(OLD.path).stat().st_mode & 0o777 == 0o600
    assert control_plane.path(LOGS).stat().st_mode & 0o777 == 0o700
    assert control_plane.run("init", VALUES, [OLD]).stderr == ""


def test_the_former_policy_goes_when_the_new_one_works(running: Machine) -> None:
    """And not before."""
    running.write(OLD.path, "old\n")
    running.write("/wanted", "new\n")
    finished = running.send(running.text("init", CHANGED, [NEW]), "verify")
    assert finished.status == 0, finished.stderr
    assert policies(running) == ["audit-policy-new.yaml"]


def test_a_policy_that_does_not_work_is_taken_back(running: Machine) -> None:
    """The old manifest names the old file, which is there."""
    running.write(OLD.path, "old\n")
    running.write("/wanted", "wrong\n")
    finished = running.send(running.text("init", CHANGED, [NEW]), "verify")
    assert finished.status == 1
    assert "mend cluster.clusterConfiguration or cluster.audit, then pulumi up" in finished.stderr
    assert policies(running) == ["audit-policy-new.yaml", "audit-policy-old.yaml"]
    assert running.path("/etc/kubernetes/manifests/kube-apiserver.yaml").read_text() == "old\n"


def test_a_switch_that_is_off_leaves_no_policy(running: Machine) -> None:
    """The log stays: a person may want it."""
    running.write(OLD.path, "old\n")
    running.write(f"{LOGS}/audit.log", "{}\n")
    running.write("/wanted", "new\n")
    assert running.send(running.text("init", CHANGED), "verify").status == 0
    assert policies(running) == []
    assert running.path(f"{LOGS}/audit.log").exists()
