"""Machines use the public sources where this host reaches all of them, and a mirror of their own everywhere else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.stack_file import parse_settings
from local import cluster, host_exceptions, machines, public_sources
from local.cluster import DEV_STACK
from local.environment import DEV, Environment
from local.machines import network
from local.machines.engine import LABEL, owner
from local.mirror import MirrorAccess
from local.paths import REPOSITORY
from local.stack import LocalStack
from problem import StepError
from tests.unit.local.test_host_exceptions import FRIENDLY


@pytest.fixture
def server() -> Iterator[str]:
    """Address of a web server that answers with the status that its path names."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path.removeprefix("/")))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """A test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of a server that lets one in and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_sources_that_answer_are_used_and_a_line_says_so(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A registry answers with 401 to those it does not know."""
    assert public_sources.are_reachable([f"{server}/200", f"{server}/401"])
    assert capsys.readouterr().out.splitlines() == [
        "  Machines install from the public sources: this host reaches all of them."
    ]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_one_source_that_refuses_is_enough_for_the_mirror(
    server: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names who refused."""
    assert not public_sources.are_reachable([f"{server}/200", f"{server}/{status}"])
    assert f"local mirror: {server.removeprefix('http://')} cannot be reached" in capsys.readouterr().out


def test_a_source_that_cannot_be_connected_to_or_speaks_no_tls_is_not_reachable(server: str) -> None:
    """A portal that answers in the place of a source has no certificate of its name."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}/200"
    assert not public_sources.are_reachable([closed])
    assert not public_sources.are_reachable([f"{server.replace('http', 'https')}/200"])


def test_silence_ends_the_question_in_time(silent: str) -> None:
    """For all sources together, not for each."""
    started = time.monotonic()
    assert not public_sources.are_reachable([silent] * 8, timeout_seconds=0.3)
    assert time.monotonic() - started < 2


def test_a_proxy_of_this_host_does_not_count(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines have none: what only a proxy reaches they do not."""
    monkeypatch.setenv("http_proxy", server)
    monkeypatch.delenv("no_proxy", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}/200"
    assert not public_sources.are_reachable([closed])


def test_all_that_a_stack_needs_is_asked_for() -> None:
    """What a YAML parser finds in the two files is what was found without one."""
    version = yaml.safe_load(DEV_STACK.source.read_text())["config"]["kubeadm:cluster"]["kubernetesVersion"]
    assert DEV_STACK.kubernetes == version
    sources, minor = public_sources.sources_of(version, 12), version.rpartition(".")[0]
    assert sources[0] == f"https://pkgs.k8s.io/core:/stable:/v{minor}/deb/Release"
    assert {"https://registry.k8s.io/v2/", "https://registry-1.docker.io/v2/"} < set(sources)
    listed = yaml.safe_load((REPOSITORY / "manifests" / "sources.yaml").read_text())
    assert {version["url"] for each in listed.values() for version in each.values()} < set(sources)


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("    kubernetesVersion: 1.37.2", "1.37.2"),
        ("    kubernetesVersion:  '1.35.4'  # back", "1.35.4"),
        ('    kubernetesVersion: "1.35.4"', "1.35.4"),
        ("    # kubernetesVersion: 1.35.4", "1.36.3"),
        ("", "1.36.3"),
    ],
)
def test_the_mirror_holds_the_version_that_the_stack_file_asks_for(tmp_path: Path, line: str, version: str) -> None:
    """Also after an edit of it; a stack file that says none means the default."""
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(f"config:\n  kubeadm:cluster:\n    name: dev\n{line}\n")
    assert LocalStack(DEV, file).kubernetes == version


def test_with_public_sources_the_stack_file_is_the_committed_one_and_a_containerd_that_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No mirror, no password; the settings are such as a stack may hold."""
    commands = configured(tmp_path, monkeypatch, access=None)
    assert [command[:2] for command in commands] == [("config", "set-all")]
    assert "hub.example.test" not in repr(commands)
    raw = {
        key.partition(":")[2]: value for key, value in yaml.safe_load(DEV_STACK.source.read_text())["config"].items()
    }
    raw["ssh"].pop("knownHostsFile")  # is there once the machines are
    repository: dict[str, Any] = {}
    for path, value in public_sources.settings(12).items():
        if path.startswith("containerd.repository."):
            repository[path.rpartition(".")[2].removesuffix("[0]")] = [value] if path.endswith("[0]") else value
    raw["containerd"] = {"package": "containerd.io", "repository": repository}
    for host in raw["hosts"].values():
        host["hostKey"] = "ssh-ed25519 AAAA"
    settings = parse_settings(raw)
    assert settings.packages.repository.url.startswith("https://pkgs.k8s.io/")
    assert settings.containerd.repository is not None
    assert settings.containerd.repository.components == ("stable",)


def test_with_a_mirror_the_stack_file_names_it_and_gets_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password goes through standard input."""
    commands = configured(tmp_path, monkeypatch, access=mirror_access(tmp_path))
    assert [command[:2] for command in commands] == [("config", "set-all"), ("config", "set")]
    assert "containerd.repository.url=http://hub.example.test/containerd/deb/" in commands[0]
    assert "a password" not in repr(commands)


def test_the_stack_file_is_written_anew_when_the_sources_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is left alone when they did not."""
    assert configured(tmp_path, monkeypatch, access=mirror_access(tmp_path))
    assert not configured(tmp_path, monkeypatch, access=mirror_access(tmp_path))
    assert configured(tmp_path, monkeypatch, access=None)
    assert not configured(tmp_path, monkeypatch, access=None)


@pytest.mark.parametrize("way_out", [True, False])
def test_an_empty_network_of_the_other_kind_is_made_anew(
    podman: PretendedPodman, monkeypatch: pytest.MonkeyPatch, way_out: bool
) -> None:
    """Machines without a mirror need a way out, and those with one are to have none."""
    podman.network_leads_out = not way_out
    network.ensure_network(HERE, way_out=way_out)
    removed, created = podman.changes
    assert removed == ("network", "rm", "here")
    assert ("--internal" in created) is not way_out


def test_a_network_of_the_other_kind_that_machines_use_is_refused(podman: PretendedPodman) -> None:
    """It says by whom it is used and what takes them away."""
    podman.network_leads_out, podman.members = False, "here-node1\nhere-mirror\n"
    with pytest.raises(StepError) as error:
        network.ensure_network(HERE, way_out=True)
    assert "expected a network with a way out, or none" in str(error.value)
    assert "saw a network without a way out, of here-node1, here-mirror" in str(error.value)
    assert "Next: make down" in str(error.value)
    assert podman.changes == []


@pytest.mark.parametrize("way_out", [True, False])
def test_where_machines_are_their_network_says_what_they_install_from(podman: PretendedPodman, way_out: bool) -> None:
    """A host that goes online or offline later changes nothing for them."""
    podman.network_leads_out = way_out
    assert network.has_way_out(HERE) is None
    podman.members = "here-node1\n"
    assert network.has_way_out(HERE) is way_out


@pytest.mark.parametrize(
    ("kept", "reachable", "made"),
    [
        (None, True, "machines with a way out"),
        (None, False, "machines and a mirror"),
        (True, False, "machines with a way out"),
        (False, True, "machines and a mirror"),
    ],
)
def test_nothing_is_built_where_public_sources_are_used(
    monkeypatch: pytest.MonkeyPatch, kept: bool | None, reachable: bool, made: str
) -> None:
    """What machines that are there were made for goes before what can be reached today."""
    done = []
    monkeypatch.setattr(machines, "has_way_out", lambda _: kept)
    monkeypatch.setattr(public_sources, "are_reachable", lambda _: reachable)
    monkeypatch.setattr(machines, "create", lambda _, **__: done.append("machines with a way out"))
    monkeypatch.setattr(cluster, "prepare_machines", lambda *_: done.append("machines and a mirror"))
    cluster._prepare(DEV_STACK)
    assert done == [made]


HERE = Environment("here", "192.0.2", {"node1": 9})


class PretendedPodman:
    """Podman with one network, which is ours."""

    def __init__(self) -> None:
        self.network_leads_out = True
        self.members = ""
        self.changes: list[tuple[str, ...]] = []

    def run(self, *arguments: str, **_: str) -> str:
        """Podman's standard output."""
        if arguments[0] == "ps":
            return self.members
        self.changes.append(arguments)
        return ""

    def inspected(self, *_: str, **__: str) -> dict[str, Any]:
        """Podman's description of the network."""
        subnets = [{"subnet": HERE.subnet}]
        labels = {LABEL: owner(HERE)}
        return {"internal": not self.network_leads_out, "labels": labels, "subnets": subnets}


@pytest.fixture
def podman(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PretendedPodman:
    """In the place of the real one."""
    pretended = PretendedPodman()
    monkeypatch.setattr(network, "STATE", tmp_path)
    monkeypatch.setattr(network, "podman", pretended.run)
    monkeypatch.setattr(network, "inspected", pretended.inspected)
    monkeypatch.setattr(network, "ensure_engine", lambda: None)
    monkeypatch.setattr(network, "remove_leftovers", lambda: None)
    monkeypatch.setattr(network, "_check_is_free", lambda *_: None)
    return pretended


def configured(
    directory: Path, monkeypatch: pytest.MonkeyPatch, *, access: MirrorAccess | None
) -> list[tuple[str, ...]]:
    """Commands that Pulumi got while the stack file was written."""
    commands: list[tuple[str, ...]] = []

    def pulumi(_: LocalStack, *arguments: str, step: str, standard_input: str | None = None) -> str:
        commands.append(arguments)
        return ""

    monkeypatch.setattr(Environment, "directory", directory)
    monkeypatch.setattr(LocalStack, "pulumi", pulumi)
    monkeypatch.setattr(LocalStack, "exists", lambda _: True)
    monkeypatch.setattr(host_exceptions, "this_host", lambda: FRIENDLY)
    DEV_STACK.configure(access)
    assert DEV_STACK.file.read_text() == DEV_STACK.source.read_text(), "what Pulumi does not add is the committed file"
    return commands


def mirror_access(directory: Path) -> MirrorAccess:
    """A mirror that is not there."""
    return MirrorAccess(
        package_repository_url="http://hub.example.test/core:/stable:/v{minor}/deb/",
        containerd_repository_url="http://hub.example.test/containerd/deb/",
        keyring=directory / "keyring.asc",
        fingerprint="A" * 40,
        ca_file=directory / "ca.pem",
        registry="hub.example.test",
        username="puller",
        password="a password",  # noqa: S106 - of a test
        rewrite={"registry.k8s.io": "hub.example.test/gcr"},
        web_url="http://192.0.2.2",
        dashboard_image="docker.io/dashboard:1",
        metrics_scraper_image="docker.io/scraper:1",
        probe_image="hub.example.test/probe:1",
    )
