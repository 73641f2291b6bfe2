"""`make mirror` copies a stack's images from one real registry to another, and goes on where it was.

One target is on this host and open; the other one wants TLS with its own authority, and a password.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings import RegistryAccess, Settings
from components.settings.stack_file import parse_settings
from local import machines
from local import mirror as local_mirror
from local.debian import install_packages
from local.environment import E2E
from local.machines.engine import podman
from local.machines.network import ensure_network
from local.mirror import MirrorAccess, versions
from local.mirror.images import DOCKER_PREFIX, KUBERNETES_PREFIX
from local.mirror.manifest import manifest_file
from local.mirror.registry import STORAGE
from local.mirror.serve import IMAGE, ensure_image
from operations import __main__
from operations.images import mirror
from operations.images._image_list import mirrored_to, stack_images


def free_address() -> str:
    """On loopback, where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


CALICO = versions.release(versions.KUBERNETES).calico
SOURCE, TARGET = free_address(), free_address()
START_SECONDS = 20
SECURE = f"{E2E.network}.3"
"""An address on the machines' network: of one that is not this host's, TLS is required."""
SERVE = 'printf %s "$CONFIG" >/tmp/registry.yaml; exec docker-registry serve /tmp/registry.yaml'


@dataclass(frozen=True)
class StackOf:
    """A stack with these settings and this password."""

    known: Settings
    password: str = ""
    name: str = "mirrored"

    def settings(self) -> Settings:
        """As a stack file gives them."""
        return self.known

    def secret(self, key: str) -> str:
        """The only one."""
        assert key == "registryPassword"
        return self.password


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of an empty registry at TARGET; the local mirror's content is at SOURCE."""
    machines.ensure_engine()
    install_packages(["skopeo"], why="to copy images")
    local_mirror.build(local_mirror.KUBERNETES)
    ensure_image()
    empty = tmp_path_factory.mktemp("registry")
    names = [serve(SOURCE, STORAGE, read_only=True), serve(TARGET, empty, read_only=False)]
    try:
        for address in (SOURCE, TARGET):
            wait_for_port("127.0.0.1", int(address.rpartition(":")[2]))
        yield empty
    finally:
        podman("rm", "--force", "--time", "2", *names, step="stop the registries")


def serve(address: str, directory: Path, *, read_only: bool) -> str:
    """Start a registry without TLS on this host and return the name of its container."""
    mode = "ro" if read_only else "rw"
    maintenance = {"readonly": {"enabled": read_only}}
    storage = {"filesystem": {"rootdirectory": "/srv/registry"}, "maintenance": maintenance}
    config = {"version": 0.1, "storage": storage, "http": {"addr": address}}
    name = f"{E2E.name}-registry-{address.rpartition(':')[2]}"
    start(name, config, "--network", "host", "--volume", f"{directory}:/srv/registry:{mode}")
    return name


def start(name: str, config: dict[str, Any], *options: str) -> None:
    """Start a registry in a container."""
    limits = ["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000"]  # as for the local mirror
    given = ["--detach", "--name", name, *options, "--env", f"CONFIG={yaml.safe_dump(config)}"]
    podman("run", *limits, *given, IMAGE, "bash", "-c", SERVE, step=f"start {name}")


@pytest.fixture(scope="module")
def secure(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, MirrorAccess]]:
    """Certificate of an empty registry at SECURE, and who has user name and password."""
    directory = tmp_path_factory.mktemp("secure")
    access = local_mirror.access(E2E)
    shutil.copyfile(E2E.directory / "mirror" / "htpasswd", directory / "htpasswd")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-config", "/dev/null", "-subj", "/CN=secure", "-addext", f"subjectAltName=IP:{SECURE}"]
    certificate, key = directory / "server.pem", directory / "server.key"
    subprocess.run([*make, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    ensure_network(E2E)
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": "/srv/registry"}},
        "http": {"addr": ":443", "tls": {"certificate": "/srv/tls/server.pem", "key": "/srv/tls/server.key"}},
        "auth": {"htpasswd": {"realm": "secure", "path": "/srv/tls/htpasswd"}},
    }
    name = f"{E2E.name}-registry-secure"
    volumes = (f"{directory}:/srv/tls:ro", f"{tmp_path_factory.mktemp('images')}:/srv/registry")
    options = [each for volume in volumes for each in ("--volume", volume)]
    start(name, config, *E2E.network_options(SECURE), *options)
    try:
        wait_for_port(SECURE, 443)
        yield certificate, access
    finally:
        podman("rm", "--force", "--time", "2", name, step=f"stop {name}")


def wait_for_port(address: str, port: int) -> None:
    """A program that was started listens."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((address, port), timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline, f"{address}:{port}"
            time.sleep(0.1)  # polls a program that starts
        else:
            return


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a stack that pulls from SOURCE today."""
    found = parse_settings(
        {
            "cluster": {"name": "mirrored", "kubernetesVersion": versions.KUBERNETES},
            "hosts": {"node1": {"address": "192.0.2.11", "role": "control-plane", "hostKey": "ssh-ed25519 AAAA"}},
            "images": {
                "rewrite": {
                    "registry.k8s.io": f"{SOURCE}/{KUBERNETES_PREFIX}",
                    "docker.io": f"{SOURCE}/{DOCKER_PREFIX}",
                    "quay.io": f"{SOURCE}/{CALICO.prefix}",
                }
            },
            "calico": {"manifestUrl": manifest_file(CALICO).as_uri(), "manifestSha256": CALICO.sha256},
            "dashboard": {
                "image": f"docker.io/dashboard-stand-in:{versions.STAND_IN}",
                "metricsScraperImage": f"docker.io/metrics-scraper-stand-in:{versions.STAND_IN}",
            },
        }
    )
    monkeypatch.setattr(mirror, "selected_stack", lambda _: StackOf(found))
    return found


def digest(image: str) -> str:
    """As the registry gives it."""
    registry, _, rest = image.partition("/")
    path, _, tag = rest.rpartition(":")
    kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    request = urllib.request.Request(f"http://{registry}/v2/{path}/manifests/{tag}", headers={"Accept": kinds})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.headers["Docker-Content-Digest"])


def test_every_image_is_there_under_its_digest(
    storage: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """And under the name that the stack pulls once its file names the mirror."""
    assert __main__.main(["mirror", "mirrored", f"{TARGET}/copy"]) == 0, capsys.readouterr()
    assert capsys.readouterr().out.count("  copied   ") == len(stack_images(settings))
    today = {image.public: image.pulled for image in stack_images(settings)}
    for image in stack_images(mirrored_to(settings, f"{TARGET}/copy")):
        assert image.pulled.startswith(f"{TARGET}/copy/")
        assert digest(image.pulled) == digest(today[image.public])


def test_a_second_run_copies_only_what_is_missing(
    storage: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after an interruption: one image has gone."""
    shutil.rmtree(next(storage.rglob("repositories/copy/registry.k8s.io/pause")))
    assert __main__.main(["mirror", "mirrored", f"{TARGET}/copy"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[1].rpartition("/")[2] for line in printed.splitlines() if "  copied  " in line] == [
        f"pause:{versions.release(versions.KUBERNETES).pause}"
    ]
    assert printed.count("  there  ") == len(stack_images(settings)) - 1


def test_a_registry_that_takes_nothing_is_named(
    storage: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error has the message of skopeo."""
    assert __main__.main(["mirror", "mirrored", f"{SOURCE}/copy"]) == 1
    errors = capsys.readouterr().err
    assert f"expected skopeo to write {SOURCE}/copy/" in errors
    assert "it goes on" in errors


@pytest.mark.parametrize("password_is_right", [False, True])
def test_a_registry_with_tls_and_password_is_written_and_read_with_those_of_the_stack(
    secure: tuple[Path, MirrorAccess],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    password_is_right: bool,
) -> None:
    """The second run reads all of it; a wrong password is named as the registry names it, and never shown."""
    certificate, access = secure
    password = access.password if password_is_right else "something-else"
    known = with_registry(settings, caFile=certificate, username=access.username)
    monkeypatch.setattr(mirror, "selected_stack", lambda _: StackOf(known, password))
    results = [__main__.main(["mirror", "mirrored", f"{SECURE}/copy"]) for _ in range(1 + password_is_right)]
    printed = capsys.readouterr()
    assert password not in printed.out + printed.err
    if password_is_right:
        assert results == [0, 0], printed
        counts = {printed.out.count(f"  {what}  ") for what in ("copied ", "there  ")}
        assert counts == {len(stack_images(settings))}
    else:
        assert results == [1]
        assert "authentication required" in printed.err or "unauthorized" in printed.err


def test_a_registry_whose_authority_the_stack_does_not_name_is_not_written(
    secure: tuple[Path, MirrorAccess],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """TLS is not given up for it."""
    _, access = secure
    known = with_registry(settings, username=access.username)
    monkeypatch.setattr(mirror, "selected_stack", lambda _: StackOf(known, access.password))
    assert __main__.main(["mirror", "mirrored", f"{SECURE}/untrusted"]) == 1
    assert "x509" in capsys.readouterr().err


def with_registry(settings: Settings, **access: Any) -> Settings:
    """The same stack, with a way to the registry at SECURE."""
    registries = {SECURE: RegistryAccess.model_validate(access)}
    containerd = settings.containerd.model_copy(update={"registries": registries})
    return settings.model_copy(update={"containerd": containerd})
