"""systemd, systemd-networkd and NetworkManager get their settings once, and leave the pod network alone."""

from __future__ import annotations

import shutil

import pytest

from components.host_files import File
from tests.scripts.machine import Machine


def test_systemd_is_executed_again_also_when_the_run_before_ended_too_early(machine: Machine) -> None:
    """The file is in place by then, and would hide it."""
    files = [File("/etc/systemd/system.conf.d/kubernetes.conf", "[Manager]\n")]
    machine.stub("systemctl", "exit 1")
    assert machine.run_part("systemd", files=files).status == 1
    machine.stub("systemctl")
    machine.calls()
    assert machine.run_part("systemd", files=files).status == 0
    assert machine.calls() == ["systemctl daemon-reexec"]


def test_systemd_is_executed_again_once_for_its_new_setting(machine: Machine) -> None:
    """A re-execution is harmless, but nothing to do each time."""
    machine.stub("systemctl")
    files = [File("/etc/systemd/system.conf.d/kubernetes.conf", "[Manager]\n")]
    assert machine.run_part("systemd", files=files).status == 0
    assert machine.calls() == ["systemctl daemon-reexec"]
    assert machine.run_part("systemd", files=files).status == 0
    assert machine.calls() == []


NETWORK_MANAGER = "/etc/NetworkManager/conf.d/99-pulumi-kubeadm.conf"
NETWORKD = "/etc/systemd/network/00-pulumi-kubeadm.network"
NO_KEYRINGS = {"KEYRINGS": ""}
WITHOUT_NETWORKD = '[[ "$*" != *is-enabled* ]]'


@pytest.fixture
def managed(machine: Machine) -> Machine:
    """A machine with NetworkManager, and the two parts of prepare that deal with it."""
    machine.write("/etc/NetworkManager/NetworkManager.conf", "[main]\n")
    parts = "\n".join(f'. "$LIBRARY/parts/prepare/{part}.sh"' for part in ("leftovers", "network_manager"))
    machine.script("both", f'. "$LIBRARY/lib/lib.sh"\n{parts}\n')
    machine.stub("systemctl", WITHOUT_NETWORKD)
    return machine


def service_commands(machine: Machine) -> list[str]:
    """Calls that reload or restart services, without queries, since the last call of this function."""
    return [call for call in machine.calls() if "is-enabled" not in call]


def test_network_manager_leaves_the_links_of_the_pod_network_alone(managed: Machine) -> None:
    """Beside what the machine's own files name; NetworkManager is reloaded once, and a reset takes the file away."""
    assert managed.run("both", NO_KEYRINGS).status == 0
    content = managed.path(NETWORK_MANAGER).read_text()
    assert content.startswith("[device-pulumi-kubeadm]\nmatch-device=interface-name:cali*;interface-name:vxlan.calico;")
    assert service_commands(managed) == ["systemctl try-reload-or-restart NetworkManager"]
    second = managed.run("both", NO_KEYRINGS)
    assert (second.status, second.stderr, service_commands(managed)) == (0, "", [])
    assert NETWORK_MANAGER in managed.path("/var/lib/pulumi-kubeadm/files/both").read_text()


def test_network_manager_is_reloaded_also_when_the_run_before_ended_too_early(managed: Machine) -> None:
    """The file is in place by then, and would hide it."""
    managed.stub("systemctl", "exit 1")
    assert managed.run("both", NO_KEYRINGS).status == 1
    managed.stub("systemctl", WITHOUT_NETWORKD)
    managed.calls()
    assert managed.run("both", NO_KEYRINGS).status == 0
    assert service_commands(managed) == ["systemctl try-reload-or-restart NetworkManager"]


def test_a_machine_without_network_manager_gets_no_file_of_it(managed: Machine) -> None:
    """Nor one from which it was removed."""
    assert managed.run("both", NO_KEYRINGS).status == 0
    shutil.rmtree(managed.path("/etc/NetworkManager/conf.d"))
    managed.path("/etc/NetworkManager/NetworkManager.conf").unlink()
    managed.path("/etc/NetworkManager").rmdir()
    managed.calls()
    assert managed.run("both", NO_KEYRINGS).status == 0
    assert not managed.path("/etc/NetworkManager").exists()
    assert service_commands(managed) == []


@pytest.mark.parametrize("runs", [True, False])
def test_networkd_leaves_the_links_of_the_pod_network_alone(machine: Machine, *, runs: bool) -> None:
    """A file of the machine for all links would give each link of a pod an address of DHCP."""
    parts = "\n".join(f'. "$LIBRARY/parts/prepare/{part}.sh"' for part in ("leftovers", "network_manager"))
    machine.script("both", f'. "$LIBRARY/lib/lib.sh"\n{parts}\n')
    machine.stub("systemctl", "" if runs else '[[ "$*" != *is-active* ]]')
    machine.stub("networkctl")
    for expected in (["networkctl reload"] if runs else [], []):
        assert machine.run("both", NO_KEYRINGS).status == 0
        assert [call for call in machine.calls() if call.startswith("networkctl")] == expected
    assert "Name=cali* vxlan.calico " in machine.path(NETWORKD).read_text()
    machine.stub("systemctl", WITHOUT_NETWORKD)
    assert machine.run("both", NO_KEYRINGS).status == 0
    assert not machine.path(NETWORKD).exists(), "the machine has it no more"


@pytest.mark.parametrize(
    ("message", "stays"),
    [
        ("Failed to connect to bus: Connection timed out", True),
        ("Failed to get unit file state: No such file or directory", False),
    ],
)
def test_a_systemd_that_does_not_answer_is_no_machine_without_networkd(
    managed: Machine, message: str, *, stays: bool
) -> None:
    """networkd would manage the links of pods. An old systemd has an error for a unit that it lacks."""
    managed.write(NETWORKD, "")
    managed.write("/var/lib/pulumi-kubeadm/files/both", f"{managed.path(NETWORKD)}\n")
    managed.stub("systemctl", f'[[ "$*" != *is-enabled* ]] || {{ echo "{message}" >&2; exit 1; }}')
    finished = managed.run("both", NO_KEYRINGS)
    assert (finished.status == 1, managed.path(NETWORKD).exists()) == (stays, stays)
    if stays:
        assert f"expected systemd to say whether it has systemd-networkd,\n  saw {message}\n" in finished.stderr
