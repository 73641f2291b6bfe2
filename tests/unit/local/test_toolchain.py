"""The tool chain: programs from PATH, downloads or builds, and state for its owner alone."""

from __future__ import annotations

import importlib
import socket
from pathlib import Path

import pytest

from local import cluster, paths, toolchain
from local.environment import DEV
from local.toolchain import pulumi, wheels
from problem import StepError


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
    requirements: list[str] = []

    def run(command: list[object], **_: object) -> str:
        requirements.append(Path(str(command[-1])).read_text())
        (tmp_path / "uv.whl").touch()
        return ""

    monkeypatch.setattr(wheels, "run", run)
    monkeypatch.setattr(wheels, "succeeds", lambda _: True)
    assert wheels._downloaded("uv", "0.13.9", tmp_path) == tmp_path / "uv.whl"
    assert requirements[0].count(" --hash=sha256:") == 4
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
