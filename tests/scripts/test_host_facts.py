"""Facts of a host, for `make status`: a program that does not answer is reported, and is no fact about the host."""

from __future__ import annotations

import pytest

from operations.status._host_checks import FACTS
from tests.scripts.machine import Machine

PROGRAMS = ("systemctl", "journalctl", "crictl", "containerd", "busctl", "sysctl")


def facts(machine: Machine, **stubs: str) -> dict[str, str]:
    """Facts that the script prints, with programs that print nothing where `stubs` has no text for them."""
    for program in PROGRAMS:
        machine.stub(program, stubs.get(program, ""))
    text = machine.relocated(FACTS.read_text()).replace("ANSWER_SECONDS=10", "ANSWER_SECONDS=1")
    printed = machine.send(f"export PATH={machine.root}/stubs:$PATH PAUSE_IMAGE=x MARKS= PORTS=\n{text}").stdout
    return dict(line.split("\t", 1) for line in printed.splitlines())


@pytest.mark.parametrize(
    ("journal", "fact"),
    [
        ("exec sleep 5", "journalctl: no answer within 1 s"),
        ("echo 'Failed to open journal'; exit 1", "journalctl: Failed to open journal"),
        ("echo 'level=info all is well'", ""),
        ("echo 'level=fatal cannot start'", "level=fatal cannot start"),
    ],
)
def test_a_journal_that_does_not_answer_is_no_journal_without_errors(machine: Machine, journal: str, fact: str) -> None:
    """The fact was empty before, as if containerd had logged no error."""
    assert facts(machine, journalctl=journal)["containerd_log"] == fact


def test_a_program_that_does_not_answer_is_reported(machine: Machine) -> None:
    """A runtime that hangs does not lack the image."""
    found = facts(machine, crictl="exec sleep 5", systemctl="exec sleep 5")
    assert found["pause_present"] == " (no answer of crictl within 1 s)"
    assert found["kubelet"] == " (no answer of systemctl within 1 s)"
    assert facts(machine, crictl="echo 'no such image x'; exit 1")["pause_present"] == "no such image x"


def test_a_static_pod_whose_manifest_is_gone_is_reported(machine: Machine) -> None:
    """The cluster serves on for a while without its scheduler, and every pod that is there runs."""
    manifests = "/etc/kubernetes/manifests"
    for name in ("etcd", "kube-scheduler"):
        machine.write(f"/var/lib/pulumi-kubeadm/written-by-kubeadm/{name}.yaml", "kind: Pod\n")
        machine.write(f"{manifests}/{name}.yaml", "kind: Pod\n")
    assert facts(machine)["files_gone"] == ""
    machine.path(f"{manifests}/kube-scheduler.yaml").unlink()
    assert facts(machine)["files_gone"] == f"{machine.path(manifests)}/kube-scheduler.yaml "


KEEPALIVED = "kubernetes-vip-keepalived.service"
STARTED = """awk '{print int($1 - AGE) "000000"}' /proc/uptime"""


@pytest.mark.parametrize(
    ("state", "restarts", "age", "fact"),
    [
        ("active", 0, 1, "active"),
        ("active", 1, 1, "active"),
        ("active", 7, 3600, "active"),
        ("active", 7, 1, "active, after it ended and was started again, 7 times"),
        ("activating", 7, 3600, "activating"),
        ("failed", 0, 3600, "failed"),
    ],
)
def test_a_service_that_ends_again_and_again_is_reported(
    machine: Machine, state: str, restarts: int, age: int, fact: str
) -> None:
    """systemd starts it again a second later: at some moments it is active, and the address of the API is nowhere."""
    machine.write(f"/etc/systemd/system/{KEEPALIVED}", "Restart=always\n")
    machine.write("/etc/systemd/system/kubernetes-backup.service", "Type=oneshot\n")
    systemctl = (
        f'case "$*" in is-active*) echo {state} ;; *NRestarts*) echo {restarts} ;;'
        f" *Monotonic*) {STARTED.replace('AGE', str(age))} ;; esac"
    )
    found = facts(machine, systemctl=systemctl)
    assert {name: value for name, value in found.items() if name.startswith("unit ")} == {f"unit {KEEPALIVED}": fact}
    assert (found["kubelet"], found["containerd"]) == (fact, fact)


@pytest.mark.parametrize("file", ["config.toml", "conf.d/docker.toml"])
def test_the_cri_is_disabled_by_any_file_of_containerd(machine: Machine, file: str) -> None:
    """containerd prints what it reads from all of them; where it can read none, its own file says it."""
    disabled = 'disabled_plugins = ["io.containerd.grpc.v1.cri"]'
    machine.write(f"/etc/containerd/{file}", f"{disabled}\n")
    dump = f"printf '%s\\n' 'imports = []' '{disabled}'" if file != "config.toml" else "echo 'no such file' >&2; exit 1"
    assert facts(machine, containerd=dump)["cri_disabled"] == disabled
