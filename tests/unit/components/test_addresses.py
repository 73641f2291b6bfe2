"""Addresses and names of a stack file: no password in them, and nothing that a file on a host would read as syntax."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.settings.stack_file import parse_settings
from tests.unit.support.stacks import Stack, full, problems, smallest

Put = Callable[[Stack, str], Any]

REPOSITORY = {"url": "https://example.com", "keyring": "https://example.com/key", "fingerprint": "A" * 40}

URLS: dict[str, Put] = {
    "packages.repository.url": lambda stack, value: stack.update(packages={"repository": REPOSITORY | {"url": value}}),
    "packages.repository.keyring": lambda stack, value: stack.update(
        packages={"repository": REPOSITORY | {"keyring": value}}
    ),
    "containerd.repository.url": lambda stack, value: stack.update(
        containerd={"repository": REPOSITORY | {"url": value}}
    ),
    "containerd.registries.docker.io.mirrors.0": lambda stack, value: stack.update(
        containerd={"registries": {"docker.io": {"mirrors": [value]}}}
    ),
    "calico.manifestUrl": lambda stack, value: stack.update(
        calico={"manifestUrl": value, "manifestSha256": "0" * 64},
    ),
    "proxy.http": lambda stack, value: stack.update(proxy={"http": value}),
    "proxy.https": lambda stack, value: stack.update(proxy={"https": value}),
}
IMAGES: dict[str, Put] = {
    "images.rewrite.docker.io": lambda stack, value: stack.update(images={"rewrite": {"docker.io": value}}),
    "containerd.pauseImage": lambda stack, value: stack.update(containerd={"pauseImage": value}),
    "dashboard.image": lambda stack, value: stack.update(dashboard={"image": value}),
}


def put_into(path: str, value: str) -> Stack:
    """The smallest stack with one more setting."""
    stack = smallest()
    (URLS | IMAGES)[path](stack, value)
    return stack


@pytest.mark.parametrize("path", URLS)
@pytest.mark.parametrize(
    "address", ["https://jo:hunter2@example.com", "https://hunter2@example.com", "http://jo:hunter2/x@example.com"]
)
def test_a_password_in_an_address_is_refused_and_not_repeated(path: str, address: str) -> None:
    """It would stand in files that everybody reads, in previews and in the state; the error is in previews too."""
    (found,) = problems(put_into(path, address))
    assert found.startswith(f"{path}: ")
    assert "without user" in found
    assert "hunter2" not in found


@pytest.mark.parametrize("path", IMAGES)
@pytest.mark.parametrize("image", ["jo:hunter2@hub.example.com/k8s", "jo:hunter2@hub:5000", "hunter2@hub/k8s"])
def test_a_password_in_the_name_of_an_image_is_refused(path: str, image: str) -> None:
    """It looks like the address of a registry."""
    (found,) = problems(put_into(path, image))
    assert found.startswith(f"{path}: expected a")
    assert "hunter2" not in found


def test_a_key_with_a_password_or_a_control_character_is_not_repeated() -> None:
    """An error names the place by the keys that lead to it."""
    (found,) = problems(smallest() | {"containerd": {"registries": {"jo:hun.ter2@hub.example.com": {}}}})
    assert found.startswith("containerd.registries.[hidden]@hub.example.com: expected a registry's host name")
    assert "ter2" not in found
    (found,) = problems(smallest() | {"containerd": {"registries": {"hub\x1b[2J": {}}}})
    assert found.startswith("containerd.registries.hub\\x1b[2J: ")


@pytest.mark.parametrize("path", URLS)
@pytest.mark.parametrize(
    "address",
    [
        "https://example.com\\n",
        "https://example.com/a\\",
        "https://example.com\x1b[31m",
        "https://example.com/\x00",
        "https://example.com/\x7f",
        "https://example.com/\x85x",
        "https://example.com/\u2028x",
        "https://example.com/#x",
        "https://example.com/'",
        'https://example.com/"',
        "https://example.com:http",
        "https://",
        "https:///x",
        "https://..",
        "https://[f2]",
        "https://example.com:65536",
        "https://example.com\n",
    ],
)
def test_an_address_that_a_file_would_read_as_syntax_is_refused(path: str, address: str) -> None:
    """TOML has escapes, systemd passes over the line, apt takes the rest for a comment."""
    (found,) = problems(put_into(path, address))
    assert found.startswith(f"{path}: ")


@pytest.mark.parametrize(
    "name", ["..", ".", "-", "a..b", "-a", "a-", "hub.example.com.", "a:", "a:b", ":5000", "a:123456"]
)
def test_a_registry_whose_name_is_no_host_name_is_refused(name: str) -> None:
    """It is the name of a directory: `..` is /etc/containerd itself."""
    (found,) = problems(smallest() | {"containerd": {"registries": {name: {}}}})
    assert found.startswith(f"containerd.registries.{name}: expected a registry's host name")


@pytest.mark.parametrize("value", ["a\x1b[2J", "a\x00", "a\x85b", "a\u2028b", "a\x0bb", "\x7f"])
def test_a_control_character_in_a_sysctl_is_refused(value: str) -> None:
    """A terminal that shows the file would obey it."""
    (found,) = problems(smallest() | {"system": {"sysctl": {"kernel.core_pattern": value}}})
    assert found.startswith("system.sysctl.kernel.core_pattern: ")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("packages.repository.url", "https://pkgs.k8s.io/core:/stable:/v{minor}/deb/"),
        ("packages.repository.url", "http://192.0.2.1:8080"),
        ("packages.repository.url", "http://[2001:db8::1]:8080/debian"),
        ("packages.repository.url", "https://v{minor}.example.com/~jo/@scope/a%20b"),
        ("packages.repository.keyring", "https://example.com/key.asc"),
        ("containerd.registries.docker.io.mirrors.0", "https://mirror.example.com:5000/v2"),
        ("calico.manifestUrl", "file:///srv/calico%20new.yaml"),
        ("calico.manifestUrl", "https://example.com/calico.yaml?at=v3@main"),
        ("proxy.http", "http://proxy_1.example.com:3128/"),
        ("images.rewrite.docker.io", "hub.example.com:5000/a/b"),
        ("containerd.pauseImage", "hub.example.com/pause:3.10@sha256:" + "0" * 64),
        ("dashboard.image", "kubernetesui/dashboard:v2.7.0"),
    ],
)
def test_an_ordinary_address_is_taken(path: str, value: str) -> None:
    """With port, path, query, percent-encoding, and the Kubernetes minor version."""
    assert problems(put_into(path, value)) == []


def test_ordinary_registries_and_sysctls_are_taken(tmp_path: Path) -> None:
    """With a port, and with the tabs that the program sysctl prints."""
    stack = full(tmp_path)
    stack["containerd"]["registries"] |= {"registry.example.com:5000": {}, "localhost": {}, "192.0.2.7:80": {}}
    stack["system"] = {"sysctl": {"net.ipv4.tcp_rmem": "4096\t131072\t6291456", "net.ipv4.conf.br-a_b.forwarding": 1}}
    parse_settings(stack)
