"""What is wrong before a cluster exists is said with host, step, expected, seen and the next command.

After each cause is gone the same stack converges: test_cluster.py brings it up on the same machines.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.errors import LocalError
from local.mirror import MirrorAccess
from tests.e2e.cell import CELL
from tests.e2e.conftest import E2E, STACK, on_machine

SECOND = list(E2E.machines)[1]


@contextmanager
def setting(path: str, value: str) -> Iterator[None]:
    """The stack file with another value, for a while."""
    kept = STACK.file.with_suffix(".kept")
    shutil.copyfile(STACK.file, kept)
    command = ("config", "set", "--path", path, value, "--stack", "e2e", "--config-file", str(STACK.file))
    STACK.pulumi(*command, step="change a setting")
    try:
        yield
    finally:
        kept.replace(STACK.file)


def failure() -> str:
    """What a person sees when `pulumi up` fails."""
    with pytest.raises(LocalError) as error:
        STACK.up()
    return str(error.value)


def test_a_stack_without_a_control_plane_is_refused_before_anything_is_touched(machines_ready: MirrorAccess) -> None:
    """The path in the file, and what is allowed."""
    with setting("hosts.e2e1.role", "worker"):
        seen = failure()
    assert "hosts: exactly one host needs `role: control-plane`, found 0" in seen
    assert on_machine(SECOND, "ls /usr/local/lib").strip() == ""


def test_a_wrong_ssh_key_is_named_with_host_and_remedy(machines_ready: MirrorAccess) -> None:
    """The provider's own message has neither."""
    other = E2E.directory / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    with setting("ssh.privateKeyFile", str(other)):
        seen = failure()
    assert f"{SECOND}: prepare: expected user debian to be let in" in seen
    assert f"Next: ssh -p 22 debian@{E2E.address(SECOND)}" in seen
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
    assert f"{SECOND}: prepare: expected at least 99999999 MiB free under /var" in seen


def test_a_package_version_that_is_not_there_is_named(machines_ready: MirrorAccess) -> None:
    """With the versions that are."""
    missing = f"1.{CELL.minor}.99"
    with setting("cluster.kubernetesVersion", missing):
        seen = failure()
    assert f"{SECOND}: prepare: expected package kubeadm {missing} in the package repository" in seen
    assert f"saw {CELL.kubernetes}-1.1" in seen


def test_a_wrong_registry_password_is_named_and_not_shown(machines_ready: MirrorAccess) -> None:
    """With the command that sets it."""
    with setting('containerd.registries["hub.example.test"].username', "somebody"):
        seen = failure()
    assert f"{SECOND}: images: expected image hub.example.test/" in seen
    assert "pulumi config set --secret registryPassword" in seen
    assert machines_ready.password not in seen
