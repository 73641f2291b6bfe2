"""The step that gives apt the passwords of package repositories, and what becomes of the file."""

from __future__ import annotations

import pytest

from components.host_files import File
from components.host_files.apt import LOGINS
from tests.scripts.machine import Machine
from tests.scripts.preparation import CLUSTER, LOGIN

KEYRING = File("/etc/apt/keyrings/kubernetes.asc", "the key\n")
FINGERPRINT = "A" * 40


@pytest.fixture
def host(machine: Machine) -> Machine:
    """A machine with apt, curl and a gpg that finds one key."""
    machine.script(
        "fetching",
        '. "$LIBRARY/lib/lib.sh"\nfor part in leftovers repositories; do . "$LIBRARY/parts/prepare/$part.sh"; done',
    )
    machine.stub("apt-get")
    machine.stub("gpg", f'[[ "$*" != *--show-keys* ]] || printf "pub:\\nfpr:::::::::{FINGERPRINT}:\\n"')
    machine.stub("curl", 'while (($# > 1)); do [[ $1 != --output ]] || echo key >"$2"; shift; done')
    return machine


def prepare(host: Machine, **values: str) -> list[str]:
    """Calls of the part of the preparation that fetches a key."""
    keyring = f"{host.path(KEYRING.path)} {FINGERPRINT} https://apt.example.com/key"
    given = {"KEYRINGS": keyring, "PROXY_VARIABLES": "", **values}
    finished = host.run("fetching", given)
    assert finished.status == 0, finished.stderr
    assert "canary" not in finished.stderr + finished.stdout
    return [call for call in host.calls() if call.startswith("curl ")]


def test_the_password_is_for_root_alone_and_in_no_argument(host: Machine) -> None:
    """curl and apt read the file."""
    finished = host.run("repositories", CLUSTER, [LOGIN])
    assert finished.status == 0, finished.stderr
    path = host.path(LOGINS)
    assert path.read_text() == LOGIN.content
    assert path.stat().st_mode & 0o777 == 0o600
    (call,) = prepare(host, REPOSITORY_LOGINS="apt.example.com")
    assert f"--netrc-file {path}" in call
    assert "canary" not in call


def test_the_password_goes_with_its_setting(host: Machine) -> None:
    """No step runs then that put it; status misses no file."""
    assert host.run("repositories", CLUSTER, [LOGIN]).status == 0
    prepare(host, REPOSITORY_LOGINS="apt.example.com")
    assert host.path(LOGINS).exists()
    (call,) = prepare(host, REPOSITORY_LOGINS="")
    assert "--netrc-file" not in call
    assert not host.path(LOGINS).exists()
    assert not host.path("/var/lib/pulumi-kubeadm/files/repositories").exists()


def test_a_machine_of_another_cluster_gets_no_password(host: Machine) -> None:
    """Nor one that has Kubernetes of somebody else."""
    host.write("/var/lib/pulumi-kubeadm/owner", "fedcba9876543210")
    finished = host.run("repositories", CLUSTER, [LOGIN])
    assert finished.status == 1
    assert "it belongs to cluster" in finished.stderr
    assert not host.path(LOGINS).exists()
