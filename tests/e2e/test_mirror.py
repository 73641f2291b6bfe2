"""`make mirror` copies a stack's images from one real registry to another, and goes on where it was."""

from __future__ import annotations

import shutil
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from components.settings import Settings
from components.stack_file import parse_settings
from local import machines
from local import mirror as local_mirror
from local.debian import install_packages
from local.environment import E2E
from local.machines.engine import podman
from local.mirror import versions
from local.mirror.images import DOCKER_PREFIX, KUBERNETES_PREFIX
from local.mirror.manifest import CALICO_FILE, CALICO_SHA256
from local.mirror.registry import STORAGE
from local.mirror.serve import IMAGE, ensure_image
from operations import __main__, mirror
from operations._image_list import mirrored_to, stack_images

SOURCE, TARGET = "127.0.0.1:57001", "127.0.0.1:57002"
START_SECONDS = 20
SERVE = 'printf %s "$CONFIG" >/tmp/registry.yaml; exec docker-registry serve /tmp/registry.yaml'


@dataclass(frozen=True)
class StackOf:
    """A stack with these settings and no password."""

    known: Settings
    name: str = "mirrored"

    def settings(self) -> Settings:
        """As a stack file gives them."""
        return self.known


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
        wait_until_it_answers(SOURCE)
        wait_until_it_answers(TARGET)
        yield empty
    finally:
        podman("rm", "--force", "--time", "2", *names, step="stop the registries")


def serve(address: str, directory: Path, *, read_only: bool) -> str:
    """Start a registry and return the name of its container."""
    maintenance = {"readonly": {"enabled": read_only}}
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": "/srv/registry"}, "maintenance": maintenance},
        "http": {"addr": address},
    }
    name = f"{E2E.name}-registry-{address.rpartition(':')[2]}"
    volume = f"{directory}:/srv/registry{':ro' if read_only else ''}"
    options = ["--detach", "--name", name, "--network", "host", "--volume", volume, "--env"]
    limits = ["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000"]  # as for the local mirror
    text = f"CONFIG={yaml.safe_dump(config)}"
    podman("run", *limits, *options, text, IMAGE, "bash", "-c", SERVE, step=f"start {name}")
    return name


def wait_until_it_answers(address: str) -> None:
    """A registry that was started."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline, address
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
                }
            },
            "calico": {"manifestUrl": CALICO_FILE.as_uri(), "manifestSha256": CALICO_SHA256},
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
    """And under the name that the stack pulls once its file says so."""
    assert __main__.main(["mirror", "mirrored", f"{TARGET}/copy"]) == 0, capsys.readouterr()
    assert capsys.readouterr().out.count("  copied   ") == 12
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
    assert printed.count("  there  ") == 11


def test_a_registry_that_takes_nothing_is_named(
    storage: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what skopeo says."""
    assert __main__.main(["mirror", "mirrored", f"{SOURCE}/copy"]) == 1
    said = capsys.readouterr().err
    assert f"expected skopeo to write {SOURCE}/copy/" in said
    assert "it goes on" in said
