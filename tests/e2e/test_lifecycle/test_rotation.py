"""Keys, passwords and ways out that change: all of it holds afterwards, and nothing that need not restarts."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from local import machines, mirror
from tests.e2e.conftest import E2E, STACK, Cluster, configure, failure, machine_names, operation, setting
from tests.e2e.forward_proxy import forward_proxy
from tests.e2e.watching import pod_uids, previewed, running_since, touched, until

FIRST, SECOND, THIRD = machine_names()
PROXY = "/etc/systemd/system/containerd.service.d/pulumi-kubeadm-proxy.conf"


@pytest.fixture
def nothing_restarts(live: Cluster) -> Iterator[None]:
    """No service and no container of any machine is started anew while a test runs."""
    before = running_since(live)
    yield
    assert running_since(live) == before


@pytest.mark.usefixtures("nothing_restarts")
def test_another_ssh_key_lets_the_program_in(live: Cluster) -> None:
    """The old one can go then."""
    old, new = E2E.directory / "id_ed25519", E2E.directory / "rotated_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(new)], check=True)
    keys = "/home/debian/.ssh/authorized_keys"
    for machine in machine_names():
        live.on(machine, f"echo '{new.with_suffix('.pub').read_text().strip()}' >>{keys}")
    configure("set", "--path", "ssh.privateKeyFile", str(new))
    live.stack.up()
    comment = old.with_suffix(".pub").read_text().split()[1]
    for machine in machine_names():
        live.on(machine, f"sed --in-place '\\|{comment}|d' {keys}")
    configure("set", "--path", f'hosts.{THIRD}.sysctl["vm.dirty_ratio"]', "21")
    live.stack.up()
    assert live.on(THIRD, "sysctl --values vm.dirty_ratio") == "21\n"


@contextmanager
def ssh_agent(socket: Path, key: Path) -> Iterator[None]:
    """An agent that holds a key, for a while."""
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        until(socket.exists)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", str(key)], env=environment, check=True)
        yield
    finally:
        agent.terminate()
        agent.wait()


@pytest.mark.usefixtures("nothing_restarts")
def test_the_ssh_agent_of_another_session_changes_nothing(
    live: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket is somewhere else each time that a person logs in."""
    key = Path(yaml.safe_load(STACK.file.read_text())["config"]["kubeadm:ssh"]["privateKeyFile"])
    configure("rm", "--path", "ssh.privateKeyFile")
    for session, arguments in (("first", ()), ("second", ("--expect-no-changes",))):
        socket = tmp_path / session
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        with ssh_agent(socket, key):
            live.stack.up(None, *arguments)
    monkeypatch.delenv("SSH_AUTH_SOCK")
    configure("set", "--path", "ssh.privateKeyFile", str(key))
    live.stack.up()


@pytest.mark.usefixtures("nothing_restarts")
def test_another_host_key_is_refused_until_the_stack_pins_it(live: Cluster) -> None:
    """A machine whose SSH host key was made anew."""
    live.on(
        THIRD,
        "cd /etc/ssh; rm ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key;"
        " systemctl restart ssh",
    )
    configure("set", "--path", f'hosts.{THIRD}.sysctl["vm.dirty_ratio"]', "22")
    assert f"{THIRD}: prepare: expected the SSH host key that the stack pins" in failure()
    machines.create(E2E)  # writes the known_hosts file of the machines that are there
    live.stack.up()
    assert live.on(THIRD, "sysctl --values vm.dirty_ratio") == "22\n"


@pytest.mark.usefixtures("nothing_restarts")
def test_another_password_of_the_registry_holds_from_the_next_pull_on(live: Cluster) -> None:
    """On every host and in the pull secret. A wrong one is refused, and every host keeps what it has."""
    with setting("registryPassword", "something-else", kind="--secret"):
        assert "Next: set its password: pulumi config set --secret registryPassword" in failure()
    for machine in machine_names():
        live.on(machine, f"crictl pull {live.access.probe_image}")
    (E2E.directory / "mirror" / "password").write_text(secrets.token_urlsafe(24))
    access = mirror.serve(E2E)
    refused = live.on(SECOND, f"crictl pull {live.access.probe_image} 2>&1 || true")
    assert "authorization failed" in refused
    configure("set", "--secret", "registryPassword", standard_input=access.password)
    images = {f"{machine}/images" for machine in machine_names()}
    assert touched(previewed()) == images | {"shop/registry-credentials"}
    live.stack.up()
    for machine in machine_names():
        live.on(machine, f"crictl pull {live.access.probe_image}")


@pytest.mark.usefixtures("nothing_restarts")
def test_another_keyring_of_the_package_repository_is_used_by_apt(live: Cluster, tmp_path: Path) -> None:
    """One that a second key was added to, which is named beside the first one; a key that is not named is left out."""
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--batch", "--quiet", "--homedir", str(home)]
    generate = ["--passphrase", "", "--quick-generate-key", "new@example.com", "ed25519", "sign"]
    subprocess.run([*gpg, *generate], check=True, capture_output=True)
    subprocess.run([*gpg, "--import", str(live.access.keyring)], check=True, capture_output=True)
    listed = subprocess.run([*gpg, "--with-colons", "--list-keys", "new@example.com"], check=True, capture_output=True)
    fingerprint = next(line.split(":")[9] for line in listed.stdout.decode().splitlines() if line.startswith("fpr"))
    keyring = tmp_path / "both.asc"
    keyring.write_bytes(subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout)
    trusted = "gpg --show-keys --with-colons /etc/apt/keyrings/kubernetes.asc | grep --after-context 1 ^pub"
    with setting("packages.repository.keyring", str(keyring)):
        live.stack.up()
        assert fingerprint not in live.on(THIRD, trusted)
        configure("rm", "--path", "packages.repository.fingerprint")
        for index, named in enumerate((live.access.fingerprint, fingerprint)):
            configure("set", "--path", f"packages.repository.fingerprint[{index}]", named)
        live.stack.up()
        for machine in machine_names():
            assert fingerprint in live.on(machine, trusted)
            live.on(machine, "apt-get -qq update --error-on=any")
    live.stack.up()
    assert fingerprint not in live.on(THIRD, trusted)


def test_packages_and_images_come_through_a_proxy_and_directly_again(live: Cluster) -> None:
    """containerd restarts for it, and pods go on."""
    pods = pod_uids(live)
    registry = live.access.registry
    with forward_proxy(E2E.gateway, {registry: E2E.mirror_address}) as proxy:
        with setting("proxy.http", proxy.url):
            configure("set", "--path", "proxy.https", proxy.url)
            live.stack.up()
            proxy.requests.clear()
            live.on(THIRD, "apt-get -qq update --error-on=any")
            assert any(registry in request and request.startswith("GET") for request in proxy.requests)
            live.on(THIRD, f"crictl rmi {live.access.probe_image}; crictl pull {live.access.probe_image}")
            assert f"CONNECT {registry}:443" in proxy.requests
            assert operation("drift", E2E.name)[0] == 0
        live.stack.up()
        proxy.requests.clear()
        for machine in machine_names():
            assert live.on(machine, f"ls {PROXY} /etc/apt/apt.conf.d/*proxy 2>/dev/null || true") == ""
            assert "PROXY" not in live.on(machine, "systemctl show --property Environment containerd")
        live.on(THIRD, f"crictl rmi {live.access.probe_image}; crictl pull {live.access.probe_image}")
        assert proxy.requests == []
    until(lambda: pods.items() <= pod_uids(live).items())
