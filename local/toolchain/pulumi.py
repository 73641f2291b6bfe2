"""`pulumi` and its plugins: from PATH, from their publisher, or built from the Go module registry."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.locks import locked
from local.paths import LINUX_ON_AMD64, PLATFORM, TOOL_CHAIN_BIN
from local.report import say, step
from local.toolchain.download import downloaded, unpack
from local.toolchain.go import GoProgram, module_directory, numbers_of
from problem import StepError

MODULES = Path(__file__).parent / "modules"
PULUMI_VERSION = "3.259.0"
"""The newest Pulumi whose module the Go module registry serves."""
KUBERNETES_VERSION = "4.25.0"
KUBERNETES_PATH = "github.com/pulumi/pulumi-kubernetes/provider/v4"
COMMAND_VERSION = "1.2.1"
SDK_PATH = "github.com/pulumi/pulumi/sdk/v3"
SDK = "https://get.pulumi.com/releases/sdk"
SDK_CHECKSUMS = f"{SDK}/pulumi-{PULUMI_VERSION}-checksums.txt"
SDK_PLATFORMS = {
    LINUX_ON_AMD64: "linux-x64",
    "linux-aarch64": "linux-arm64",
    "darwin-x86_64": "darwin-x64",
    "darwin-arm64": "darwin-arm64",
}
"""Names that the publisher gives the systems of PLATFORM. On another one Pulumi is built."""


@dataclass(frozen=True)
class Tool:
    """A program that runs a stack.

    Attributes:
        name: name of the program on PATH.
        version: the pinned version.
        archive: address of the publisher's archive for this host.
        checksums: address of the publisher's checksums of the archive.
        build: builds the programs of the tool into a directory.
        seconds: duration of a build on two cores without a cache.
        more: further programs of the tool.
        substitute: the built program is a substitute of the published program.
    """

    name: str
    version: str
    archive: str
    checksums: str
    build: Callable[[Path], object]
    seconds: int
    more: tuple[str, ...] = ()
    substitute: bool = False

    @property
    def programs(self) -> tuple[str, ...]:
        """All programs of the tool."""
        return (self.name, *self.more)


def _build_kubernetes_provider(directory: Path) -> None:
    """Build the provider in a copy of its module with two files of the published module, which its main embeds."""
    source = MODULES / "pulumi-resource-kubernetes"
    published = module_directory(source, KUBERNETES_PATH) / "cmd" / "pulumi-resource-kubernetes"
    with tempfile.TemporaryDirectory() as scratch:
        module = shutil.copytree(source, Path(scratch) / "module")
        for name in ("schema.json", "terraform-mapping.json"):
            shutil.copyfile(published / name, module / name)
        stamps = ((f"{KUBERNETES_PATH}/pkg/version.Version", KUBERNETES_VERSION),)
        GoProgram("pulumi-resource-kubernetes", module, ".", stamps).build(directory)


def _build_language_host(directory: Path) -> None:
    """Build the last language host in the SDK's module, with the script of the SDK of the command line."""
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


def _plugin(kind: str, version: str) -> tuple[str, str]:
    """Addresses of a plugin and of its checksums, whose name is GoReleaser's default."""
    release = f"https://github.com/pulumi/pulumi-{kind}/releases/download/v{version}"
    archive = f"{release}/pulumi-resource-{kind}-v{version}-linux-amd64.tar.gz"
    return archive, f"{release}/pulumi-{kind}_{version}_checksums.txt"


def tools(platform: str) -> tuple[Tool, ...]:
    """The tools of a system: Pulumi, and its plugins on Linux on amd64. Elsewhere Pulumi installs its plugins itself.

    Args:
        platform: such as PLATFORM.
    """
    archive = f"{SDK}/pulumi-v{PULUMI_VERSION}-{SDK_PLATFORMS.get(platform, platform)}.tar.gz"
    sdk = (
        Tool("pulumi", PULUMI_VERSION, archive, SDK_CHECKSUMS, _build_command_line, 240),
        Tool(
            "pulumi-language-python",
            PULUMI_VERSION,
            archive,
            SDK_CHECKSUMS,
            _build_language_host,
            30,
            more=("pulumi-language-python-exec",),
        ),
    )
    return (*sdk, *PLUGINS) if platform == LINUX_ON_AMD64 else sdk


PLUGINS = (
    Tool(
        "pulumi-resource-kubernetes",
        KUBERNETES_VERSION,
        *_plugin("kubernetes", KUBERNETES_VERSION),
        _build_kubernetes_provider,
        360,
    ),
    Tool(
        "pulumi-resource-command",
        COMMAND_VERSION,
        *_plugin("command", COMMAND_VERSION),
        _build_command_substitute,
        60,
        substitute=True,
    ),
)
"""For Linux on amd64. Without a way out they are built, and PATH has no plugin of another version."""
TOOLS = tools(PLATFORM)
HAS_PLUGINS = PLATFORM == LINUX_ON_AMD64


def install_pulumi() -> None:
    """Install every tool that is neither on PATH nor in the tool chain's directory in a fitting version.

    Raises:
        StepError: an archive is not the published one, or neither download nor build worked.
    """
    if not all(_is_there(tool) for tool in TOOLS):
        with _scratch_directory() as scratch:
            for tool in TOOLS:
                if not _is_there(tool):
                    _install(tool, scratch)
    if has_substitute():
        say("  Note: the command provider is a local substitute, because the real one cannot be downloaded here.")


def has_substitute() -> bool:
    """True where an installed tool is a substitute of the published one."""
    return any(tool.substitute and _stamp(tool).read_text().endswith("built") for tool in TOOLS)


def _is_there(tool: Tool) -> bool:
    if all((TOOL_CHAIN_BIN / program).exists() for program in tool.programs) and _stamp(tool).exists():
        return _stamp(tool).read_text().startswith(_wanted(tool))
    return tool.checksums == SDK_CHECKSUMS and _fits_on_path(tool)


def _fits_on_path(tool: Tool) -> bool:
    """True where Pulumi on PATH is as new as PULUMI_VERSION, with the tool beside it: both are released together."""
    pulumi = shutil.which("pulumi")
    if pulumi is None or not all((Path(pulumi).resolve().parent / program).exists() for program in tool.programs):
        return False
    printed = subprocess.run([pulumi, "version"], capture_output=True, text=True, check=False).stdout
    return numbers_of(PULUMI_VERSION) <= numbers_of(printed)[:3] < numbers_of("4")


@contextmanager
def _scratch_directory() -> Iterator[Path]:
    """An empty directory beside the tools, of one installation at a time; the next installation empties it again."""
    TOOL_CHAIN_BIN.mkdir(parents=True, exist_ok=True)
    with locked(TOOL_CHAIN_BIN.parent / "lock"):
        scratch = TOOL_CHAIN_BIN.parent / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)  # what a killed installation left
        scratch.mkdir()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch)


def _install(tool: Tool, scratch: Path) -> None:
    with step(f"{tool.name} {tool.version} is installed", estimate_seconds=tool.seconds):
        archive = downloaded(tool.archive, tool.checksums, scratch)
        if archive is None:
            tool.build(scratch)
            _take(tool, scratch, "built")
        else:
            for each in (each for each in TOOLS if each.archive == tool.archive):
                _check(each, unpack(archive, each.programs, scratch))
                _take(each, scratch, "downloaded")
            archive.unlink()


def _take(tool: Tool, directory: Path, origin: str) -> None:
    for program in tool.programs:
        (directory / program).replace(TOOL_CHAIN_BIN / program)
    _stamp(tool).write_text(f"{_wanted(tool)} {origin}")


def _check(tool: Tool, found: list[str]) -> None:
    if set(found) != set(tool.programs):
        raise StepError(
            f"unpack {tool.name}",
            expected=f"{', '.join(tool.programs)} in {tool.archive}",
            seen=", ".join(found) or "none of these programs",
            next_command="report it: the publisher changed the archive",
        )


def _wanted(tool: Tool) -> str:
    """Digest of the version of the tool and of its sources in this repository."""
    digest = hashlib.sha256(tool.version.encode())
    for path in sorted((MODULES / tool.name).rglob("*")):
        if path.is_file() and path.suffix != ".json" and not path.name.endswith("_test.go"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamp(tool: Tool) -> Path:
    return TOOL_CHAIN_BIN / f".{tool.name}.stamp"
