"""Whatever settings are taken, each file of a host can be read, and says what they say."""

from __future__ import annotations

import base64
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.host_files import containerd
from components.host_files.proxy import APT, CONTAINERD, proxy_variables
from components.host_files.system import HOSTS_FILE, MODULES, SYSCTLS, SYSTEMD
from components.settings import Settings, _patterns
from tests.unit.support.files import prepared_files
from tests.unit.support.stacks import Stack, outcome, with_workers

SYNTAX = ["\\", '"', "'", "#", ";", "%", "$", "[", "]", "=", " ", "\t", "\n", "\r", "\0", "\x1b", "\x85", "\u2028"]


@cache
def _following(pattern: str) -> st.SearchStrategy[str]:
    likely = pattern.replace(r"[0-9A-Fa-f:.]+", r"2001:db8::[0-9a-f]").replace("[0-9]{1,5}", "[1-9][0-9]{0,3}")
    return st.from_regex(re.compile(likely, re.ASCII), fullmatch=True)


@st.composite
def like(draw: st.DrawFn, pattern: str) -> str:
    """A text that follows a pattern of the settings; one of sixty has a character too many: syntax somewhere."""
    text = draw(_following(pattern))
    if draw(st.integers(0, 59)):
        return text
    position = draw(st.integers(0, len(text)))
    return text[:position] + draw(st.sampled_from(SYNTAX)) + text[position:]


@st.composite
def repositories(draw: st.DrawFn) -> Stack:
    """An apt repository."""
    return {
        "url": draw(like(_patterns.HTTP_URL)),
        "suite": draw(like(_patterns.SUITE)),
        "components": draw(st.lists(like(_patterns.COMPONENT), max_size=2)),
        "keyring": draw(like(_patterns.HTTP_URL)),
        "fingerprint": "A" * 40,
    }


@st.composite
def registries(draw: st.DrawFn) -> Stack:
    """How one image registry is reached."""
    return {
        "username": draw(st.none() | like(_patterns.REGISTRY_USER)),
        "mirrors": draw(st.lists(like(_patterns.HTTP_URL), max_size=2)),
    }


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    """A stack in which every setting that ends in a file of a host is free."""
    stack = with_workers("node2", version=draw(st.sampled_from(["1.24.3", "1.34.4", "1.36.3"])))
    stack["cluster"]["kubeletConfiguration"] = draw(st.dictionaries(st.text(), st.text() | st.booleans(), max_size=2))
    return stack | {
        "packages": {"repository": draw(repositories())},
        "containerd": {
            "repository": draw(st.none() | repositories()),
            "pauseImage": draw(st.none() | like(_patterns.IMAGE)),
            "registries": draw(st.dictionaries(like(_patterns.REGISTRY), registries(), max_size=3)),
        },
        "images": {"rewrite": draw(st.dictionaries(like(_patterns.REGISTRY), like(_patterns.IMAGE), max_size=2))},
        "proxy": {
            "http": draw(st.none() | like(_patterns.PROXY)),
            "https": draw(st.none() | like(_patterns.PROXY)),
            "noProxy": draw(st.lists(like(_patterns.DESTINATION), max_size=3)),
        },
        "system": {
            "sysctl": draw(
                st.dictionaries(like(_patterns.SYSCTL), like(_patterns.ONE_LINE) | st.integers(), max_size=3)
            ),
            "modules": draw(st.lists(like(_patterns.MODULE), max_size=2)),
            "defaultTimeoutStopSec": draw(st.integers(1, 600)),
        },
    }


def assignments(text: str) -> dict[str, str]:
    """As sysctl and systemd read a line: a name, `=`, a value, blanks around each; no line that is none."""
    lines = [line for line in re.split(r"[\r\n\0]", text) if line and not line.startswith(("#", ";", "["))]
    pairs = [line.partition("=") for line in lines]
    assert all(equals for _, equals, _ in pairs)
    assert len({name.strip() for name, _, _ in pairs}) == len(pairs)
    return {name.strip(): value.strip() for name, _, value in pairs}


def check_system(files: dict[str, str], settings: Settings) -> None:
    """Of the operating system."""
    assert files[MODULES].split() == list(settings.system.modules)
    wanted = {name: str(value).strip() for name, value in settings.system.sysctl.items()}
    assert assignments(files[SYSCTLS]) == wanted
    assert assignments(files[SYSTEMD]) == {"DefaultTimeoutStopSec": f"{settings.system.default_timeout_stop_sec}s"}
    lines = [line.split() for line in files[HOSTS_FILE].splitlines()]
    assert lines == [[str(host.internal_ip), host.name] for host in settings.hosts.values()]


def check_apt(files: dict[str, str], settings: Settings) -> None:
    """As sources.list(5) has it: words up to a comment, options in brackets, `%XX` for any character."""
    minor = settings.cluster.kubernetes_version.rpartition(".")[0]
    wanted = {"kubernetes": settings.packages.repository, "containerd": settings.containerd.repository}
    for name, repository in wanted.items():
        path = f"/etc/apt/sources.list.d/{name}.list"
        assert (path in files) == (repository is not None)
        if repository:
            (line,) = files[path].splitlines()
            kind, options, url, suite, *components = line.partition("#")[0].split()
            assert not set("[]\"'") & set(re.sub(r"//\[[0-9A-Fa-f:.]+\]", "//", url))
            assert (kind, options) == ("deb", f"[signed-by=/etc/apt/keyrings/{name}.asc]")
            assert url == repository.url.replace("{minor}", minor)
            assert (suite, components) == (repository.suite, list(repository.components))


def check_proxy(files: dict[str, str], settings: Settings) -> None:
    r"""apt.conf(5): names between `::`, a value in quotes. systemd.exec(5): `\` and `%` would be syntax."""
    variables = {name.upper(): value for name, value in proxy_variables(settings).items()}
    assert (APT in files, CONTAINERD in files) == (bool(variables), bool(variables))
    if not variables:
        return
    lines = [
        re.fullmatch(r'Acquire::(https?)::Proxy(?:::([^:"{};/]+))? "([^"\\]+)";', line)
        for line in files[APT].splitlines()
    ]
    assert all(lines)
    found = {(each[1], each[2]): each[3] for each in lines if each}
    urls = {"http": settings.proxy.http, "https": settings.proxy.https}
    assert {scheme: url for (scheme, host), url in found.items() if host is None} == {
        k: v for k, v in urls.items() if v
    }
    assert {value for (_, host), value in found.items() if host} <= {"DIRECT"}
    assert {host for _, host in found if host} <= set(settings.proxy.no_proxy)
    section, *lines_of_unit = files[CONTAINERD].splitlines()
    assert section == "[Service]"
    quoted = [re.fullmatch(r'Environment="([A-Z_]+)=([^"\\%]*)"', line) for line in lines_of_unit]
    assert {each[1]: each[2] for each in quoted if each} == variables
    assert len(quoted) == len(variables)


def check_containerd(files: dict[str, str], settings: Settings) -> None:
    """TOML, in the formats of all versions."""
    first, second = (tomllib.loads(files[f"/etc/containerd/config.toml.{version}"]) for version in (1, 2))
    cri = "io.containerd.grpc.v1.cri"
    assert first["plugins"][cri]["sandbox_image"] == settings.pause_image
    assert second["plugins"]["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": settings.pause_image}
    assert yaml.safe_load(files["/etc/crictl.yaml"])["timeout"] == 10
    if "/etc/containerd/config.toml.1.4" in files:
        registry = tomllib.loads(files["/etc/containerd/config.toml.1.4"])["plugins"][cri].get("registry", {})
        mirrored = {name for name, access in settings.containerd.registries.items() if access.mirrors}
        assert set(registry.get("mirrors", {})) == mirrored


def check_registries(files: dict[str, str], settings: Settings, passwords: dict[str, str]) -> None:
    """One file for each, in a directory of its own."""
    for name, access in settings.containerd.registries.items():
        path = Path(f"/etc/containerd/certs.d/{name}/hosts.toml")
        assert path.parent.parent == Path("/etc/containerd/certs.d")
        assert ".." not in path.parts
        read = tomllib.loads(files[str(path)])
        assert set(read["host"]) == {read["server"], *access.mirrors}
        header = read["host"][read["server"]].get("header", {})
        sent = [base64.b64decode(value.removeprefix("Basic ")).decode() for value in header.get("Authorization", [])]
        assert sent == ([f"{access.username}:{passwords[name]}"] if access.username else [])


def check_kubeadm(text: str, settings: Settings) -> None:
    """YAML."""
    documents: dict[str, Any] = {each["kind"]: each for each in yaml.safe_load_all(text)}
    kubelet = documents["KubeletConfiguration"]
    assert settings.cluster.kubelet_configuration.items() <= kubelet.items()
    repository = settings.images.rewritten("registry.k8s.io/x").removesuffix("/x")
    assert documents["ClusterConfiguration"]["imageRepository"] == repository


@hypothesis_settings(max_examples=50, phases=[Phase.generate])  # to shrink one takes minutes
@given(stack=stacks(), password=st.text(min_size=1))
def test_each_file_of_a_host_is_read_as_the_settings_say(stack: Stack, password: str) -> None:
    """By the parser of its format, or by what its manual page says."""
    settings = outcome(stack)
    assume(isinstance(settings, Settings))
    assert isinstance(settings, Settings)
    passwords = dict.fromkeys(containerd.registries_with_password(settings), password)
    found = [*prepared_files(settings.control_plane, settings), *containerd.credential_files(settings, passwords)]
    files = {file.path: file.content for file in found}
    assert len(files) == len(found)
    check_system(files, settings)
    check_apt(files, settings)
    check_proxy(files, settings)
    check_containerd(files, settings)
    check_registries(files, settings, passwords)
    check_kubeadm(files["/etc/kubernetes/kubeadm/config.yaml"], settings)


def test_a_mirror_that_is_named_twice_is_one_table() -> None:
    """TOML refuses a second one, and containerd the whole file."""
    stack = with_workers()
    stack["containerd"] = {
        "registries": {"a.example.com": {"mirrors": [*["https://b.example.com"] * 2, "https://a.example.com"]}}
    }
    settings = outcome(stack)
    assert isinstance(settings, Settings)
    check_registries({file.path: file.content for file in containerd.registry_files(settings)}, settings, {})


@pytest.mark.parametrize("character", SYNTAX)
def test_no_syntax_gets_into_an_address(character: str) -> None:
    """Such as a backslash, after which TOML and systemd read another character."""
    address = f"http://proxy.example.com{character}"
    assert not isinstance(outcome(with_workers() | {"proxy": {"http": address}}), Settings)
    mirrors = {"registries": {"docker.io": {"mirrors": [address]}}}
    assert not isinstance(outcome(with_workers() | {"containerd": mirrors}), Settings)
