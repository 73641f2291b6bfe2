"""`pulumi` and its plugins: from PATH, from their publisher, or built from the Go module registry."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError
from local.paths import TOOL_CHAIN_BIN
from local.report import say, step
from local.toolchain.go import GoProgram, module_directory

MODULES = Path(__file__).parent / "modules"
SOURCES = "https://get.pulumi.com/releases"
CONNECT_TIMEOUT_SECONDS = 5
PULUMI_VERSION = "3.259.0"
"""The newest whose module the Go module registry serves."""
KUBERNETES_VERSION = "4.25.0"
KUBERNETES_PATH = "github.com/pulumi/pulumi-kubernetes/provider/v4"
COMMAND_VERSION = "1.2.1"
SDK_PATH = "github.com/pulumi/pulumi/sdk/v3"


@dataclass(frozen=True)
class Tool:
    """A program that the stack is run with.

    Attributes:
        name: as it has to be on PATH.
        version: the one that is pinned.
        archive: of its publisher, for Linux on amd64; it holds the program and what belongs to it.
        build: builds the same into a directory.
        seconds: what a build takes on two cores when nothing is cached.
        substitute: what is built is not the same program.
    """

    name: str
    version: str
    archive: str
    build: Callable[[Path], object]
    seconds: int
    substitute: bool = False


def _build_kubernetes_provider(directory: Path) -> None:
    """Its main embeds two files of the published module, so it is built in a copy that has them."""
    source = MODULES / "pulumi-resource-kubernetes"
    published = module_directory(source, KUBERNETES_PATH) / "cmd" / "pulumi-resource-kubernetes"
    with tempfile.TemporaryDirectory() as scratch:
        module = shutil.copytree(source, Path(scratch) / "module")
        for name in ("schema.json", "terraform-mapping.json"):
            shutil.copyfile(published / name, module / name)
        stamps = ((f"{KUBERNETES_PATH}/pkg/version.Version", KUBERNETES_VERSION),)
        GoProgram("pulumi-resource-kubernetes", module, ".", stamps).build(directory)


def _build_language_host(directory: Path) -> None:
    """The last host inside the SDK's module, with the script of the SDK that the command line is of."""
    module = MODULES / "pulumi-language-python"
    GoProgram("pulumi-language-python", module, f"{SDK_PATH}/python/cmd/pulumi-language-python").build(directory)
    published = module_directory(MODULES / "pulumi", SDK_PATH) / "python" / "cmd"
    target = directory / "pulumi-language-python-exec"
    shutil.copyfile(published / "pulumi-language-python-exec", target)
    target.chmod(0o755)


def _build_command_line(directory: Path) -> None:
    stamps = ((f"{SDK_PATH}/go/common/version.Version", f"v{PULUMI_VERSION}"),)
    GoProgram("pulumi", MODULES / "pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", stamps).build(directory)


def _build_command_substitute(directory: Path) -> None:
    GoProgram("pulumi-resource-command", MODULES / "pulumi-resource-command", ".").build(directory)


PLUGINS = f"{SOURCES}/plugins/pulumi-resource"
SDK_ARCHIVE = f"{SOURCES}/sdk/pulumi-v{PULUMI_VERSION}-linux-x64.tar.gz"
TOOLS = (
    Tool("pulumi", PULUMI_VERSION, SDK_ARCHIVE, _build_command_line, 240),
    Tool("pulumi-language-python", PULUMI_VERSION, SDK_ARCHIVE, _build_language_host, 30),
    Tool(
        "pulumi-resource-kubernetes",
        KUBERNETES_VERSION,
        f"{PLUGINS}-kubernetes-v{KUBERNETES_VERSION}-linux-amd64.tar.gz",
        _build_kubernetes_provider,
        360,
    ),
    Tool(
        "pulumi-resource-command",
        COMMAND_VERSION,
        f"{PLUGINS}-command-v{COMMAND_VERSION}-linux-amd64.tar.gz",
        _build_command_substitute,
        60,
        substitute=True,
    ),
)


def install_pulumi() -> None:
    """Every tool is on PATH or in the tool chain's directory, in the version that is pinned here.

    Raises:
        LocalError: neither download nor build worked.
    """
    TOOL_CHAIN_BIN.mkdir(parents=True, exist_ok=True)
    for tool in TOOLS:
        if not _is_there(tool):
            _install(tool)
    if any(tool.substitute and _stamp(tool).read_text().endswith("built") for tool in TOOLS if _stamp(tool).exists()):
        say("  Note: the command provider is a local substitute, because the real one cannot be downloaded here.")


def _is_there(tool: Tool) -> bool:
    if (TOOL_CHAIN_BIN / tool.name).exists() and _stamp(tool).exists():
        return _stamp(tool).read_text().startswith(_wanted(tool))
    return tool.name == "pulumi" and _version_on_path() == PULUMI_VERSION


def _install(tool: Tool) -> None:
    with step(f"{tool.name} {tool.version} is installed", estimate_seconds=tool.seconds):
        with tempfile.TemporaryDirectory(dir=TOOL_CHAIN_BIN.parent) as scratch:
            way = "downloaded" if _downloaded(tool, Path(scratch)) else "built"
            if way == "built":
                tool.build(Path(scratch))
            for program in Path(scratch).iterdir():
                program.replace(TOOL_CHAIN_BIN / program.name)
        _stamp(tool).write_text(f"{_wanted(tool)} {way}")


def _wanted(tool: Tool) -> str:
    """Changes when the version or our own sources of the tool do."""
    digest = hashlib.sha256(tool.version.encode())
    for path in sorted((MODULES / tool.name).rglob("*")):
        if path.is_file() and path.suffix != ".json":
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamp(tool: Tool) -> Path:
    return TOOL_CHAIN_BIN / f".{tool.name}.stamp"


def _version_on_path() -> str | None:
    if not shutil.which("pulumi"):
        return None
    said = subprocess.run(["pulumi", "version"], capture_output=True, text=True, check=False).stdout
    return said.strip().removeprefix("v")


def _downloaded(tool: Tool, directory: Path) -> bool:
    """Whether the publisher could be reached and the program is in the directory now."""
    try:
        with (
            urllib.request.urlopen(tool.archive, timeout=CONNECT_TIMEOUT_SECONDS) as answer,  # noqa: S310 - https
            tarfile.open(fileobj=answer, mode="r|gz") as archive,
        ):
            archive.extractall(directory / "archive", filter="data")
    except OSError:
        return False
    found = [path for path in (directory / "archive").rglob("pulumi*") if path.is_file()]
    for path in found:
        path.replace(directory / path.name)
    shutil.rmtree(directory / "archive")
    if not (directory / tool.name).exists():
        raise LocalError(
            f"download {tool.name}",
            expected=f"{tool.name} in {tool.archive}",
            seen=", ".join(path.name for path in found),
            next_command="report it: the publisher changed the archive",
        )
    return True
