"""Whatever stack is taken, each file of a host is read by its program, with the values of the stack.

A sample here, 10,000 stacks with `make any-input`. Programs are asked what they read, not what they would do.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from components.host_files import containerd
from components.host_files.backup import SETTINGS, TIMER
from components.host_files.containerd_1_4 import CRI_WITH_PASSWORDS
from components.host_files.kubeadm import PATH as KUBEADM
from components.host_files.proxy import APT, CONTAINERD, proxy_variables
from components.host_files.system import HOSTS_FILE, MODULES, SYSCTLS, SYSTEMD
from components.settings import Settings
from components.steps import stdin
from components.steps.last_update import LastUpdate
from components.steps.wanted import wanted_steps
from local.paths import MIRROR
from tests.unit.support import real_parsers
from tests.unit.support.any_stack import SYNTAX, accepted_stacks
from tests.unit.support.files import prepared_files
from tests.unit.support.stacks import outcome, with_workers

EXAMPLES = int(os.environ.get("EXAMPLES", "25"))
AT_ONCE = 100
"""Files that a program reads at once."""
CRI = "io.containerd.grpc.v1.cri"
DELAY = "shutdown-delay-duration"


@dataclass(frozen=True)
class Rendered:
    """A stack, and the files of its control plane by path; passwords are the longest texts of the syntax."""

    settings: Settings
    files: dict[str, str]
    passwords: dict[str, str]


def rendered(settings: Settings) -> Rendered:
    """A stack with its files, and no path twice."""
    passwords = {name: "".join(SYNTAX) + name for name in containerd.registries_with_password(settings)}
    found = [*prepared_files(settings.control_planes[0], settings), *containerd.credential_files(settings, passwords)]
    files = {file.path: file.content for file in found}
    assert len(files) == len(found)
    return Rendered(settings, files, passwords)


@pytest.fixture(scope="module")
def every() -> list[Rendered]:
    """The stacks."""
    return [rendered(settings) for settings in accepted_stacks(EXAMPLES)]


@pytest.fixture(scope="module")
def batches(every: list[Rendered]) -> list[list[Rendered]]:
    """The stacks, as many as a program reads at once."""
    return [every[first : first + AT_ONCE] for first in range(0, len(every), AT_ONCE)]


def needs(*programs: str) -> pytest.MarkDecorator:
    """Debian's programs: elsewhere nobody can ask them."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"no {', '.join(missing)} here")


@needs("apt-get")
def test_apt_reads_each_package_repository(every: list[Rendered], tmp_path: Path) -> None:
    """With its address, suite and components; `%XX` in an address is the character, which apt encodes when it asks."""
    for stack in every:
        sources = {Path(path).name: text for path, text in stack.files.items() if path.endswith(".list")}
        wanted = set()
        for repository in (stack.settings.packages.repository, stack.settings.containerd_of(None).repository):
            if repository:
                address = repository.address(stack.settings.cluster.kubernetes_version)
                url = unquote(address, errors="surrogateescape").removesuffix("/") + "/"
                suite = "" if repository.suite == "/" else repository.suite
                wanted |= {(url, suite, component) for component in repository.components or [""]}
        assert {each[1:] for each in real_parsers.package_lists(tmp_path, sources)} == wanted, sources


@needs("apt-config")
def test_apt_reads_each_proxy(every: list[Rendered], tmp_path: Path) -> None:
    """And which hosts it reaches directly."""
    for stack in every:
        proxy, content = stack.settings.proxy, stack.files.get(APT)
        urls = {f"Acquire::{name}::Proxy": url for name, url in (("http", proxy.http), ("https", proxy.https)) if url}
        assert (content is not None) == bool(urls)
        if content is None:
            continue
        read = real_parsers.apt_configuration(tmp_path, content)
        direct = {name: value for name, value in read.items() if name not in urls}
        assert {name: read.get(name) for name in urls} == urls, content
        assert set(direct.values()) <= {"DIRECT"}
        repositories = (stack.settings.packages.repository, stack.settings.containerd.repository)
        servers = {each.server(stack.settings.cluster.kubernetes_version) for each in repositories if each}
        assert {name.split("::", 3)[3] for name in direct} <= {*proxy.no_proxy, *servers}, content


@pytest.mark.skipif(not Path("/usr/lib/systemd/systemd").exists(), reason="no systemd here")
def test_systemd_reads_each_proxy_of_containerd(batches: list[list[Rendered]]) -> None:
    """As the variables that programs read."""
    for batch in batches:
        with_proxy = [stack for stack in batch if CONTAINERD in stack.files]
        read = real_parsers.unit_environments([stack.files[CONTAINERD] for stack in with_proxy])
        for stack, environment in zip(with_proxy, read, strict=True):
            wanted = {name.upper(): value for name, value in proxy_variables(stack.settings).items()}
            assert environment == wanted, stack.files[CONTAINERD]


@needs("systemd-analyze")
def test_systemd_reads_each_time_to_stop(every: list[Rendered], tmp_path: Path) -> None:
    """In seconds, also the longest that is taken."""
    for seconds in {stack.settings.system.default_timeout_stop_sec for stack in every}:
        output = real_parsers.output_of("systemd-analyze", "timespan", f"{seconds}s", directory=tmp_path)
        assert f"μs: {seconds * 1_000_000}" in output or f"us: {seconds * 1_000_000}" in output
    for stack in every:
        wanted = f"[Manager]\nDefaultTimeoutStopSec={stack.settings.system.default_timeout_stop_sec}s\n"
        assert stack.files[SYSTEMD] == wanted


@needs("systemd-analyze")
def test_systemd_reads_each_timer_of_snapshots(every: list[Rendered], tmp_path: Path) -> None:
    """The number of runs a day is that of the stack."""
    for stack in every:
        (line,) = [each for each in stack.files[TIMER].splitlines() if each.startswith("OnCalendar=")]
        calendar = line.removeprefix("OnCalendar=")
        output = real_parsers.output_of("systemd-analyze", "calendar", calendar, directory=tmp_path)
        (hours,) = re.findall(r"Normalized form: \*-\*-\* ([0-9,]+):[0-9]{2}:00 UTC", output)
        assert len(hours.split(",")) * stack.settings.backup.every_hours == 24
        assert f"\nkeep={stack.settings.backup.keep}\n" in stack.files[SETTINGS]


@needs("sysctl")
def test_sysctl_reads_each_kernel_setting(batches: list[list[Rendered]], tmp_path: Path) -> None:
    """In its order; what the kernel of this host lacks is left out."""
    for batch in batches:
        wanted = []
        for stack in batch:
            host = stack.settings.control_planes[0]
            merged = {**stack.settings.system.sysctl, **host.sysctl}
            wanted += [(name, str(value)) for name, value in merged.items() if is_known(name)]
        text = "".join(stack.files[SYSCTLS] for stack in batch)
        assert real_parsers.kernel_settings(tmp_path, text) == wanted


def is_known(sysctl: str) -> bool:
    """Whether the kernel of this host has it."""
    return (Path("/proc/sys") / sysctl.replace(".", "/")).is_file()


@needs("getent", "unshare")
def test_the_resolver_reads_the_address_of_each_host(batches: list[list[Rendered]], tmp_path: Path) -> None:
    """The address of its node, and no other one; machines that are gone have none."""
    for number, batch in enumerate(batches):
        directory = tmp_path / str(number)
        directory.mkdir()
        known = [[host for host in stack.settings.hosts.values() if not host.gone] for stack in batch]
        files = [
            (stack.files[HOSTS_FILE], [host.name for host in hosts]) for stack, hosts in zip(batch, known, strict=True)
        ]
        wanted = [[str(host.internal_ip) for host in hosts] for hosts in known]
        assert real_parsers.addresses(directory, files) == wanted


def test_modules_are_loaded_by_name(every: list[Rendered]) -> None:
    """modules-load.d(5): a name a line."""
    for stack in every:
        assert stack.files[MODULES].splitlines() == list(stack.settings.modules)


def test_containerd_of_each_version_reads_its_configuration(every: list[Rendered]) -> None:
    """TOML, in the formats of all versions."""
    for stack in every:
        settings, files = stack.settings, stack.files
        first, second = (tomllib.loads(files[f"/etc/containerd/config.toml.{version}"]) for version in (1, 2))
        lowers = settings.containerd.restrict_oom_score_adj
        assert first["plugins"][CRI]["sandbox_image"] == settings.pause_image
        assert first["plugins"][CRI]["restrict_oom_score_adj"] is lowers
        assert second["plugins"]["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": settings.pause_image}
        assert second["plugins"]["io.containerd.cri.v1.runtime"]["restrict_oom_score_adj"] is lowers
        assert yaml.safe_load(files["/etc/crictl.yaml"])["timeout"] == 10
        check_registries(stack)
        check_containerd_1_4(stack)


def check_registries(stack: Rendered) -> None:
    """One file for each, in a directory of its own; only the registry itself gets its password."""
    for name, access in stack.settings.containerd.registries.items():
        path = Path(f"/etc/containerd/certs.d/{name}/hosts.toml")
        assert path.parent.parent == Path("/etc/containerd/certs.d")
        assert ".." not in path.parts
        read = tomllib.loads(stack.files[str(path)])
        assert list(read["host"]) == list(dict.fromkeys([*access.mirrors, read["server"]]))
        headers = {server: host["header"]["Authorization"] for server, host in read["host"].items() if "header" in host}
        wanted = f"{access.username}:{stack.passwords.get(name)}" if access.username else None
        assert set(headers) == ({read["server"]} if wanted else set())
        for values in headers.values():
            assert [base64.b64decode(value.removeprefix("Basic ")).decode() for value in values] == [wanted]


def check_containerd_1_4(stack: Rendered) -> None:
    """The registries and their passwords in one configuration."""
    registries = stack.settings.containerd.registries
    if "/etc/containerd/config.toml.1.4" not in stack.files:
        return
    registry = tomllib.loads(stack.files["/etc/containerd/config.toml.1.4"])["plugins"][CRI].get("registry", {})
    assert set(registry.get("mirrors", {})) == {name for name, access in registries.items() if access.mirrors}
    if not stack.passwords:
        return
    registry = tomllib.loads(stack.files[CRI_WITH_PASSWORDS])["plugins"][CRI]["registry"]
    read = [each["auth"] for each in registry["configs"].values() if "auth" in each]
    wanted = [
        {"username": registries[name].username, "password": password} for name, password in stack.passwords.items()
    ]
    assert sorted(read, key=str) == sorted(wanted, key=str)


def without_delay(document: dict[str, Any]) -> dict[str, Any]:
    """A ClusterConfiguration without the argument that each API server with a name gets; others are as they were."""
    if "apiServer" not in document:
        return document
    server = dict(document["apiServer"])
    arguments = server.pop("extraArgs", {})
    if isinstance(arguments, dict):
        kept: Any = {name: value for name, value in arguments.items() if name != DELAY}
    else:
        kept = [each for each in arguments if each["name"] != DELAY]
    return document | {"apiServer": server | ({"extraArgs": kept} if kept else {})}


def test_kubeadm_reads_what_the_stack_says(every: list[Rendered]) -> None:
    """YAML."""
    for stack in every:
        documents = {each["kind"]: each for each in yaml.safe_load_all(stack.files[KUBEADM])}
        cluster = stack.settings.cluster
        for kind, given in (
            ("ClusterConfiguration", cluster.cluster_configuration),
            ("KubeletConfiguration", cluster.kubelet_configuration),
            ("KubeProxyConfiguration", cluster.kube_proxy_configuration),
        ):
            assert without_delay(given).items() <= without_delay(documents[kind]).items()
        repository = stack.settings.images.rewritten("registry.k8s.io/x").removesuffix("/x")
        assert documents["ClusterConfiguration"]["imageRepository"] == repository


def program_of(package: str, name: str, directory: Path) -> Path:
    """A program out of a package of the local mirror."""
    found = sorted(MIRROR.rglob(f"{package}*.deb"))
    if not found:
        pytest.skip(f"no package {package} was built here: `make up` builds it")
    subprocess.run(["dpkg-deb", "--extract", found[-1], directory], check=True)
    return directory / "usr/bin" / name


@pytest.mark.parametrize("minor", ["1.35", "1.36"])
def test_kubeadm_itself_reads_what_the_stack_says(every: list[Rendered], tmp_path: Path, minor: str) -> None:
    """It is Go's parser of YAML that has to find text where text is meant."""
    kubeadm = program_of(f"kubeadm_{minor}.", "kubeadm", tmp_path)
    of_this_version = kubeadm.parent.parent.parent
    assert of_this_version == tmp_path
    for stack in every:
        settings = stack.settings
        if not settings.cluster.kubernetes_version.startswith(f"{minor}."):
            continue
        read = {each["kind"]: each for each in real_parsers.kubeadm_reads(kubeadm, tmp_path, stack.files[KUBEADM])}
        init, cluster = read["InitConfiguration"], read["ClusterConfiguration"]
        api_server = settings.cluster.cluster_configuration.get("apiServer", {})
        assert init["nodeRegistration"]["name"] == settings.control_planes[0].name
        assert init["localAPIEndpoint"]["advertiseAddress"] == str(settings.control_planes[0].internal_ip)
        taints = [taint.model_dump(exclude_defaults=True) for taint in settings.cluster.control_plane_taints]
        assert init["nodeRegistration"]["taints"] == taints
        assert cluster["clusterName"] == settings.cluster.name
        assert without_delay(cluster)["apiServer"].get("extraArgs", []) == api_server.get("extraArgs", [])
        assert cluster["apiServer"].get("certSANs", []) == api_server.get("certSANs", [])


def test_containerd_itself_reads_what_the_stack_says(every: list[Rendered], tmp_path: Path) -> None:
    """Both formats; each tenth stack, because it takes long."""
    program = program_of("containerd", "containerd", tmp_path)
    for stack in every[::10]:
        for version in (1, 2):
            read = real_parsers.containerd_reads(
                program, tmp_path, stack.files[f"/etc/containerd/config.toml.{version}"]
            )
            pinned = read["plugins"]["io.containerd.cri.v1.images"]["pinned_images"]
            assert pinned["sandbox"] == stack.settings.pause_image


@needs("bash")
def test_bash_reads_each_variable_and_each_file(
    every: list[Rendered], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so does Python, which reads the state."""
    monkeypatch.setattr(stdin, "LIBRARY", str(tmp_path))
    for stack in every:
        for step in wanted_steps(stack.settings, LastUpdate(), [], "0" * 16, "certificate").values():
            text = step.text()
            variables, files, arguments = real_parsers.bash_reads(tmp_path, text, list(step.variables))
            assert variables == step.variables
            assert files == {f"{file.mode} {file.path}": file.content for file in step.files}
            assert arguments.split() == [step.name, *([step.undo] if step.undo else [])]
            assert stdin.inputs_of(text).values == variables


def test_a_mirror_that_is_named_twice_is_one_table() -> None:
    """TOML refuses a second one, and containerd the whole file."""
    stack = with_workers()
    stack["containerd"] = {
        "registries": {"a.example.com": {"mirrors": [*["https://b.example.com"] * 2, "https://a.example.com"]}}
    }
    settings = outcome(stack)
    assert isinstance(settings, Settings)
    check_registries(rendered(settings))


@pytest.mark.parametrize("character", SYNTAX)
def test_no_syntax_gets_into_an_address(character: str) -> None:
    """Such as a backslash, after which TOML and systemd read another character."""
    address = f"http://proxy.example.com{character}"
    assert not isinstance(outcome(with_workers() | {"proxy": {"http": address}}), Settings)
    mirrors = {"registries": {"docker.io": {"mirrors": [address]}}}
    assert not isinstance(outcome(with_workers() | {"containerd": mirrors}), Settings)
