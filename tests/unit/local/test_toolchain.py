"""What is downloaded is what was published; state is for its owner alone."""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import socket
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local import cluster, paths, toolchain
from local.environment import DEV
from local.toolchain import pulumi, wheels
from local.toolchain.download import downloaded, published_digest, unpack
from problem import StepError

NAME = "tool-v1.tar.gz"


class Publisher:
    """A web server with files that a test puts there; `cut` makes it promise more than it sends."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut = False
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = publisher.files.get(self.path.removeprefix("/"))
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                short = publisher.cut and self.path.endswith(NAME)
                self.send_header("Content-Length", str(len(content) + 100 * short))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """A test's output is its own."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def download(self, directory: Path) -> Path | None:
        """The archive, checked against the list."""
        return downloaded(f"{self.address}/{NAME}", f"{self.address}/sums.txt", directory)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """A publisher of one archive with its checksum."""
    publisher = Publisher()
    publisher.files[NAME] = archive_of({"tool/pulumi": b"the program", "tool/other": b"unwanted", "../pulumi-x": b"x"})
    publisher.files["sums.txt"] = f"{'0' * 64}  other.tar.gz\n{digest(publisher.files[NAME])}  ./{NAME}\n".encode()
    thread = threading.Thread(target=publisher.server.serve_forever)
    thread.start()
    yield publisher
    publisher.server.shutdown()
    thread.join()
    publisher.server.server_close()


def archive_of(files: dict[str, bytes]) -> bytes:
    """A gzipped tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def digest(content: bytes) -> str:
    """As sha256sum prints it."""
    return hashlib.sha256(content).hexdigest()


def test_an_archive_with_the_published_checksum_is_unpacked(publisher: Publisher, tmp_path: Path) -> None:
    """Only what is wanted, into one directory, whatever paths the archive has."""
    archive = publisher.download(tmp_path)
    assert archive is not None
    into = tmp_path / "into"
    into.mkdir()
    assert unpack(archive, ("pulumi", "pulumi-x", "missing"), into) == ["pulumi", "pulumi-x"]
    assert sorted(path.name for path in into.iterdir()) == ["pulumi", "pulumi-x"]
    assert (into / "pulumi").read_bytes() == b"the program"
    assert os.access(into / "pulumi", os.X_OK)


def test_an_archive_with_another_checksum_is_refused_and_deleted(publisher: Publisher, tmp_path: Path) -> None:
    """It is an error, not a reason to build: someone answers in the publisher's place."""
    publisher.files[NAME] += b"more"
    with pytest.raises(StepError, match=NAME) as raised:
        publisher.download(tmp_path)
    assert digest(publisher.files[NAME]) == raised.value.problem.seen
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", [NAME, "sums.txt"])
def test_what_is_not_published_is_built(publisher: Publisher, tmp_path: Path, missing: str) -> None:
    """An archive without its checksum is as good as none."""
    del publisher.files[missing]
    assert publisher.download(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_leaves_nothing(publisher: Publisher, tmp_path: Path) -> None:
    """Where the server promised more than it sent."""
    publisher.cut = True
    assert publisher.download(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_publisher_that_cannot_be_reached_is_no_error(tmp_path: Path) -> None:
    """The next way is taken."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert downloaded(f"{address}/{NAME}", f"{address}/sums.txt", tmp_path) is None
    assert downloaded(f"https://host.invalid/{NAME}", "https://host.invalid/sums.txt", tmp_path) is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"{'A' * 64}  {NAME}", "a" * 64),
        (f"{'a' * 64} *{NAME}", "a" * 64),
        (f"{'a' * 128}  ./{NAME}", "a" * 128),
        (f"{'a' * 40}  {NAME}", None),
        (f"{'a' * 64}  x-{NAME}", None),
        ("<html>please log in</html>", None),
        ("", None),
    ],
)
def test_a_checksum_is_read_from_what_sha256sum_writes(line: str, found: str | None) -> None:
    """SHA-1 is not enough."""
    assert published_digest(line, NAME) == found


@pytest.fixture
def tool_chain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty tool chain that builds files instead of programs, with nothing to download."""
    directory = tmp_path / "toolchain" / "bin"
    monkeypatch.setattr(pulumi, "TOOL_CHAIN_BIN", directory)
    monkeypatch.setattr(pulumi, "downloaded", lambda *_: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    def build(directory: Path) -> None:
        (directory / "pulumi-resource-command").write_text("built")

    tool = pulumi.Tool("pulumi-resource-command", "1", "a", "b", build, 1, substitute=True)
    monkeypatch.setattr(pulumi, "TOOLS", (tool,))
    return directory


def test_the_substitute_is_named_and_a_second_run_builds_nothing(
    tool_chain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name is one line of output, each time."""
    pulumi.install_pulumi()
    assert capsys.readouterr().out.count("substitute") == 1
    (tool_chain / "pulumi-resource-command").write_text("as it was")
    pulumi.install_pulumi()
    printed = capsys.readouterr().out
    assert (printed.count("substitute"), printed.count("is installed")) == (1, 0)
    assert (tool_chain / "pulumi-resource-command").read_text() == "as it was"


def test_a_killed_installation_leaves_nothing_for_long(tool_chain: Path) -> None:
    """The next one clears it away."""
    left = tool_chain.parent / "scratch" / "half"
    left.parent.mkdir(parents=True)
    left.write_text("half a program")
    pulumi.install_pulumi()
    assert sorted(path.name for path in tool_chain.parent.iterdir()) == ["bin", "lock"]


@pytest.mark.parametrize(
    ("version", "fits"), [("v3.259.0", True), ("v3.300.1", True), ("v3.258.9", False), ("v4.0.0", False)]
)
def test_pulumi_on_path_is_used_if_it_is_new_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, *, fits: bool
) -> None:
    """And only with its language host beside it."""
    for program in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"):
        (tmp_path / program).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setattr(pulumi, "TOOL_CHAIN_BIN", tmp_path / "none")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert [pulumi._is_there(tool) for tool in pulumi.TOOLS] == [fits, fits, False, False]
    (tmp_path / "pulumi-language-python").unlink()
    assert [pulumi._is_there(tool) for tool in pulumi.TOOLS] == [fits, False, False, False]


@pytest.mark.parametrize(
    ("platform", "archive", "plugins"),
    [
        ("linux-x86_64", "linux-x64", 2),
        ("linux-aarch64", "linux-arm64", 0),
        ("darwin-arm64", "darwin-arm64", 0),
        ("darwin-x86_64", "darwin-x64", 0),
        ("freebsd-amd64", "freebsd-amd64", 0),
    ],
)
def test_no_program_of_another_system_is_downloaded(platform: str, archive: str, plugins: int) -> None:
    """Plugins are those that Pulumi itself installs, but for Linux on amd64."""
    tools = pulumi.tools(platform)
    assert len(tools) == 2 + plugins
    assert {tool.archive.rpartition("/")[2] for tool in tools[:2]} == {
        f"pulumi-v{pulumi.PULUMI_VERSION}-{archive}.tar.gz"
    }
    assert all("-linux-amd64." in tool.archive for tool in tools[2:])


@pytest.mark.parametrize("has_plugins", [True, False])
def test_pulumi_installs_its_plugins_where_the_tool_chain_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, has_plugins: bool
) -> None:
    """Otherwise it would find none, and say that it must not download any."""
    monkeypatch.setattr(toolchain, "STATE", tmp_path / "state")
    monkeypatch.setattr(toolchain, "HAS_PLUGINS", has_plugins)
    monkeypatch.delenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", raising=False)
    assert ("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" in toolchain.environment()) == has_plugins


@pytest.mark.parametrize(("system", "machine"), [("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")])
def test_programs_of_two_systems_never_share_a_directory(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    """A home directory may be that of a laptop and of a machine in it."""
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    try:
        directory = importlib.reload(paths).TOOL_CHAIN
    finally:
        monkeypatch.undo()
        importlib.reload(paths)
    assert directory.name == ("toolchain" if machine == "x86_64" else f"toolchain-{system.lower()}-{machine}")


def test_a_wheel_of_each_system_is_pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pip takes the one of its own system, and refuses any other content."""
    asked: list[str] = []

    def run(command: list[object], **_: object) -> str:
        asked.append(Path(str(command[-1])).read_text())
        (tmp_path / "uv.whl").touch()
        return ""

    monkeypatch.setattr(wheels, "run", run)
    monkeypatch.setattr(wheels, "succeeds", lambda _: True)
    assert wheels._downloaded("uv", "0.13.9", tmp_path) == tmp_path / "uv.whl"
    assert asked[0].count(" --hash=sha256:") == 4
    assert {len(set(digests)) for digests in wheels.WHEELS.values()} == {4}


def test_the_local_mirror_is_refused_where_its_programs_do_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before an hour of builds."""
    monkeypatch.setattr(cluster, "PLATFORM", "linux-aarch64")
    with pytest.raises(StepError, match="Linux on amd64") as raised:
        cluster.prepare_machines(DEV, "1.36.3")
    assert raised.value.problem.seen == "linux-aarch64"


@pytest.mark.parametrize(("substitute", "reachable"), [(True, True), (False, False), (False, True)])
def test_what_is_not_public_is_refused_where_a_person_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, *, substitute: bool, reachable: bool
) -> None:
    """`make up` takes what there is."""
    monkeypatch.setattr(toolchain, "install", lambda: None)
    monkeypatch.setattr(toolchain, "has_substitute", lambda: substitute)
    monkeypatch.setattr("local.public_sources.are_reachable", lambda _: reachable)
    if reachable and not substitute:
        cluster.public()
    else:
        with pytest.raises(StepError, match="use the public sources"):
            cluster.public()


def test_state_is_for_its_owner_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever made the directory before, and the passphrase stays the same."""
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    monkeypatch.setattr(toolchain, "STATE", state)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")
    first = toolchain.environment()
    passphrase = Path(first["PULUMI_CONFIG_PASSPHRASE_FILE"])
    text = passphrase.read_text()
    assert "PULUMI_CONFIG_PASSPHRASE" not in first
    assert len(text) >= 32
    assert toolchain.environment() == first
    assert passphrase.read_text() == text
    assert sorted(path.name for path in state.iterdir()) == ["passphrase", "pulumi-home", "pulumi-state"]
    assert {path: path.stat().st_mode & 0o777 for path in (state, passphrase)} == {state: 0o700, passphrase: 0o600}


def test_only_a_living_ssh_agent_is_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command provider fails on a dead one even where it has a key."""
    monkeypatch.setattr(toolchain, "STATE", tmp_path / "state")
    path = str(tmp_path / "agent")
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(path)
        agent.listen()
        assert toolchain.environment()["SSH_AUTH_SOCK"] == path
    assert Path(path).exists()
    assert "SSH_AUTH_SOCK" not in toolchain.environment()
    monkeypatch.setenv("SSH_AUTH_SOCK", "")
    assert "SSH_AUTH_SOCK" not in toolchain.environment()


@pytest.mark.parametrize("is_there", [True, False])
def test_the_path_of_pulumi_is_printed_where_nobody_could_type_it(
    is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the packages of .venv, without which the language host of a built tool chain runs no program."""
    if is_there:
        (tmp_path / "pulumi").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    toolchain.say_path()
    printed = capsys.readouterr().out
    line = f'export PATH="{paths.VIRTUAL_ENVIRONMENT}/bin:{paths.TOOL_CHAIN_BIN}:$PATH"'
    assert (line in printed) is not is_there
