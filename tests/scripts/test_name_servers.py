"""Name servers of a machine that its pods get, before the machine is changed: CoreDNS ends where it asks itself."""

from __future__ import annotations

import pytest

from tests.scripts.machine import Machine
from tests.scripts.preparation import MACHINE_VALUES

RESOLVED = "/run/systemd/resolve/resolv.conf"
OWN = "/etc/pods/resolv.conf"
SERVER = "nameserver 192.0.2.53\n"
STUB = "# of systemd-resolved\nnameserver 127.0.0.53\noptions edns0 trust-ad\n"


def found(machine: Machine, own: str = "") -> str:
    """What is said of the machine; nothing where it is sound."""
    path = str(machine.path(own)) if own else ""
    finished = machine.run_part("machine", MACHINE_VALUES | {"RESOLVER_CONFIGURATION": path})
    assert (finished.status == 0) == (finished.stderr == "")
    return finished.stderr.replace(str(machine.root), "")


def resolved_runs(machine: Machine, servers: str) -> None:
    """As on Ubuntu: /etc/resolv.conf names the stub, and another file what it asks."""
    machine.stub("systemctl", '[[ "$*" == *systemd-resolved* ]] || exit 3')
    machine.write("/etc/resolv.conf", STUB)
    machine.write(RESOLVED, servers)


def test_the_stub_of_systemd_resolved_is_none_of_the_name_servers_of_pods(sound: Machine) -> None:
    """kubeadm gives the kubelet the other file."""
    resolved_runs(sound, SERVER)
    assert found(sound) == ""


@pytest.mark.parametrize("server", ["127.0.0.53", "127.0.1.1", "::1"])
def test_a_name_server_that_only_the_machine_itself_reaches_is_named(sound: Machine, server: str) -> None:
    """Of a dnsmasq, or a stub whose systemd-resolved was turned off."""
    sound.write("/etc/resolv.conf", f"{SERVER}nameserver {server}\n")
    seen = found(sound)
    assert f"expected name servers in /etc/resolv.conf that pods reach, too,\n  saw {server}, which in a pod" in seen
    assert "resolvConf of cluster.kubeletConfiguration" in seen


def test_a_name_server_of_systemd_resolved_on_the_machine_itself_is_named(sound: Machine) -> None:
    """As of a filter for advertisements beside it."""
    resolved_runs(sound, "nameserver 127.0.0.1\n")
    assert f"expected name servers in {RESOLVED} that pods reach, too,\n  saw 127.0.0.1" in found(sound)


def test_a_systemd_resolved_that_knows_no_server_is_named_beside_a_file_that_does(sound: Machine) -> None:
    """It runs, and nobody uses it: kubeadm takes its file all the same."""
    resolved_runs(sound, "# No DNS servers known.\n")
    sound.write("/etc/resolv.conf", SERVER)
    assert f"expected name servers in {RESOLVED}, from which pods get theirs,\n  saw none" in found(sound)


def test_the_file_that_the_stack_names_counts(sound: Machine) -> None:
    """Also where it is not there: no pod with the DNS of its host would start."""
    sound.write("/etc/resolv.conf", STUB)
    seen = found(sound, OWN)
    assert f"expected {OWN}, without which the kubelet starts no pod,\n  saw no such file" in seen
    assert "mend resolvConf of cluster.kubeletConfiguration" in seen
    sound.write(OWN, SERVER)
    assert found(sound, OWN) == ""


def test_a_prepared_machine_keeps_its_name_servers(sound: Machine) -> None:
    """Its cluster works: CoreDNS may have name servers of its own."""
    sound.write("/etc/resolv.conf", STUB)
    sound.write("/var/lib/pulumi-kubeadm/prepared", "yes")
    assert found(sound) == ""


def test_a_machine_without_name_servers_is_taken(sound: Machine) -> None:
    """In a closed network /etc/hosts names all that is needed."""
    sound.write("/etc/resolv.conf", "search example.com\n")
    assert found(sound) == ""


@pytest.mark.parametrize("target", ["", "../run/systemd/resolve/stub-resolv.conf"])
def test_a_machine_without_the_file_is_named(sound: Machine, target: str) -> None:
    """Also where it leads nowhere, as after systemd-resolved was turned off: the kubelet would start no pod."""
    file = sound.path("/etc/resolv.conf")
    file.unlink()
    if target:
        file.symlink_to(target)
    assert "expected /etc/resolv.conf, without which the kubelet starts no pod,\n  saw no such file" in found(sound)
    file.unlink(missing_ok=True)
    file.touch()
    assert found(sound) == ""
