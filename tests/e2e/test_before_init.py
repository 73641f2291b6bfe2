"""What is wrong before a cluster exists is said with host, step, expected, seen and the next command.

After each cause is gone the same stack converges: test_cluster.py brings it up on the same machines.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.machines.unfriendly import UNFRIENDLY
from local.mirror import MirrorAccess
from tests.e2e.cell import CELL, DEBIAN_WITH_OLD_CONTAINERD, LAST_MINOR_WITH_DISTRIBUTION_CONTAINERD
from tests.e2e.conftest import E2E, configure, failure, last_login_is_from, on_machine, setting, through_bastion

FIRST, SECOND = list(E2E.machines)[:2]
EVICTION = 'cluster.kubeletConfiguration.evictionHard["nodefs.available"]'
"""Threshold in bytes. Without one a nearly full disk is refused by its free share, where this host's disk is roomy."""
FIRST_DEBIAN_THAT_BARS = 13
"""An address whose logins fail, for some time: PerSourcePenalties, OpenSSH 9.8."""


@contextmanager
def small_var(machine: str, free_mib: int) -> Iterator[None]:
    """A machine whose /var is a file system of its own, full but for so much; what is written to it is lost."""
    on_machine(
        machine,
        """
        mkdir --parents /mnt/var
        mount -t tmpfs -o size=300m,mode=755 tmpfs /mnt/var
        cp --archive --one-file-system /var/. /mnt/var
        mount --bind /mnt/var /var
        """,
    )
    try:
        # The write ends where the file system does, as it should.
        on_machine(
            machine, f"head --bytes {free_mib}M /dev/zero >/var/room; cat /dev/zero >/var/filler || rm /var/room"
        )
        yield
    finally:
        on_machine(machine, "umount --lazy /var /mnt/var")


@pytest.mark.parametrize("state", UNFRIENDLY)
def test_machines_are_as_people_have_them(machines_ready: MirrorAccess, state: str) -> None:
    """A state that is not there would prove nothing; the first updates below take some of them away."""
    for machine in E2E.machines:
        on_machine(machine, UNFRIENDLY[state].look)


def test_a_stack_without_a_control_plane_is_refused_before_anything_is_touched(machines_ready: MirrorAccess) -> None:
    """The path in the file, and what is allowed."""
    with setting("hosts.e2e1.role", "worker"):
        seen = failure()
    assert "hosts: at least one host needs `role: control-plane`, found none" in seen
    assert on_machine(SECOND, "ls /usr/local/lib").strip() == ""


def test_a_wrong_ssh_key_is_named_with_host_and_remedy(machines_ready: MirrorAccess) -> None:
    """The provider's own message has neither. Debian 13 bars an address after some failures, and says no more."""
    other = E2E.directory / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    with setting("ssh.privateKeyFile", str(other)):
        seen = failure()
    barred = "|its SSH server to talk to this address" if E2E.debian_of(SECOND) >= FIRST_DEBIAN_THAT_BARS else ""
    assert re.search(f"{SECOND}: prepare: expected (user debian to be let in{barred})", seen), seen
    for machine in E2E.machines:
        on_machine(machine, "systemctl restart ssh")  # which lets this host in again at once
    assert f"Next: ssh -i {other} -p 22 debian@{E2E.address(SECOND)}" in seen
    assert "PRIVATE KEY" not in seen


def test_an_unexpected_host_key_is_refused(machines_ready: MirrorAccess) -> None:
    """No command is sent to a machine that is not the pinned one."""
    forged = E2E.directory / "forged_known_hosts"
    lines = (E2E.directory / "known_hosts").read_text().splitlines()
    keys = [line.split(" ", 1)[1] for line in lines]
    names = [line.split(" ", 1)[0] for line in lines]
    forged.write_text("".join(f"{name} {key}\n" for name, key in zip(names, keys[1:] + keys[:1], strict=True)))
    with setting("ssh.knownHostsFile", str(forged)):
        seen = failure()
    assert f"{SECOND}: prepare: expected the SSH host key that the stack pins" in seen
    assert f"ssh-keyscan -t ed25519 -p 22 {E2E.address(SECOND)}" in seen


def test_a_machine_that_is_down_is_named(machines_ready: MirrorAccess) -> None:
    """The others are prepared meanwhile."""
    container = E2E.container(SECOND)
    subprocess.run(["podman", "pause", container], check=True, capture_output=True)
    try:
        seen = failure()
    finally:
        subprocess.run(["podman", "unpause", container], check=True, capture_output=True)
    assert f"{SECOND}: prepare: expected an answer" in seen
    assert f"Next: ping {E2E.address(SECOND)}" in seen


def test_sudo_that_asks_for_a_password_is_named(machines_ready: MirrorAccess) -> None:
    """It does not hang."""
    on_machine(SECOND, "mv /etc/sudoers.d/debian /var/tmp/debian.sudoers")
    try:
        seen = failure()
    finally:
        on_machine(SECOND, "mv /var/tmp/debian.sudoers /etc/sudoers.d/debian")
    assert f"{SECOND}: prepare: expected sudo without a password for debian" in seen


def test_too_little_disk_is_said_before_anything_is_installed(machines_ready: MirrorAccess) -> None:
    """With what is needed and what is there."""
    on_machine(SECOND, "rm -f /var/lib/pulumi-kubeadm/prepared")
    with setting("system.minimumFreeDiskMib", "99999999"):
        seen = failure()
    assert f"{SECOND}: prepare: expected at least 99999999 MiB free for /var/lib/containerd" in seen


def test_machines_are_reached_through_a_bastion(machines_ready: MirrorAccess) -> None:
    """What they say comes back through it, and nobody else logs in."""
    on_machine(SECOND, "rm -f /var/lib/pulumi-kubeadm/prepared")
    with through_bastion(FIRST), setting("system.minimumFreeDiskMib", "99999999"):
        seen = failure()
    assert f"{SECOND}: prepare: expected at least 99999999 MiB free for /var/lib/containerd" in seen
    assert last_login_is_from(SECOND) == E2E.address(FIRST)


def test_a_full_disk_is_said_before_anything_is_installed(machines_ready: MirrorAccess) -> None:
    """With the stack's own minimum, and what df says."""
    on_machine(SECOND, "rm -f /var/lib/pulumi-kubeadm/prepared")
    with small_var(SECOND, free_mib=20):
        seen = failure()
        assert on_machine(SECOND, "command -v kubeadm containerd || true") == ""
    assert re.search(
        rf"{SECOND}: prepare: expected at least 4096 MiB free for /var/lib/containerd,\s+saw [12]\d MiB", seen
    ), seen


@pytest.mark.parametrize("free_mib", [0, 20])
def test_a_disk_that_fills_up_meanwhile_is_named_by_the_step_that_met_it(
    machines_ready: MirrorAccess, free_mib: int
) -> None:
    """When not even a log can be written, and when there is room for a log but for no package."""
    on_machine(SECOND, "rm -f /var/lib/pulumi-kubeadm/prepared")
    with small_var(SECOND, free_mib), setting("system.minimumFreeDiskMib", "0"), setting(EVICTION, "1Mi"):
        seen = failure()
    assert f"{SECOND}: prepare: expected" in seen
    assert re.search("No space left on device|enough free space", seen), seen
    assert "Next: " in seen


@pytest.mark.skipif(
    DEBIAN_WITH_OLD_CONTAINERD not in CELL.debian or CELL.minor <= LAST_MINOR_WITH_DISTRIBUTION_CONTAINERD,
    reason="no machine has one that is too old",
)
def test_a_containerd_of_the_distribution_that_is_too_old_is_refused_before_anything_is_installed(
    machines_ready: MirrorAccess,
) -> None:
    """With what it is too old for, and the setting that names another one."""
    with setting("containerd.package", "containerd"):
        configure("rm", "--path", "containerd.repository")
        seen = failure()
    needed = f"1.6 or newer, for Kubernetes {CELL.kubernetes}"
    for old in (machine for machine in E2E.machines if E2E.debian_of(machine) == DEBIAN_WITH_OLD_CONTAINERD):
        assert re.search(rf"{old}: prepare: expected containerd {needed},\s+saw 1\.4\.", seen), seen
        assert on_machine(old, "containerd --version 2>/dev/null || true").count("1.4.") == 0
    assert "containerd.repository, containerd.package" in seen


def test_a_package_version_that_is_not_there_is_named(machines_ready: MirrorAccess) -> None:
    """With the versions that are."""
    missing = f"1.{CELL.minor}.99"
    with setting("cluster.kubernetesVersion", missing):
        seen = failure()
    assert f"{SECOND}: prepare: expected package kubeadm {missing} in the package repository" in seen
    assert re.search(rf"saw .*{re.escape(CELL.kubernetes)}-1\.1", seen), seen


@pytest.mark.parametrize(
    ("path", "kind"),
    [("registryPassword", "--secret"), ('containerd.registries["hub.example.test"].username', "--plaintext")],
)
def test_a_wrong_registry_password_or_user_is_named_and_no_password_is_shown(
    machines_ready: MirrorAccess, path: str, kind: str
) -> None:
    """With the command that sets it."""
    with setting(path, "something-else", kind=kind):
        seen = failure()
    assert any(f"{machine}: images: expected image hub.example.test/" in seen for machine in E2E.machines)
    assert "pulumi config set --secret registryPassword" in seen
    assert machines_ready.password not in seen
    assert kind == "--plaintext" or "something-else" not in seen
