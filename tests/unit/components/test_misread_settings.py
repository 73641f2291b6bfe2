"""Settings that a program of a host would not read as they are meant. `make any-input` found each of these."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.settings.stack_file import parse_settings
from tests.unit.support.files import prepared_files
from tests.unit.support.stacks import Stack, only_problem, problems, with_setting, with_workers

REPOSITORY = {"url": "https://apt.example.com/all/", "keyring": "https://apt.example.com/key", "fingerprint": "A" * 40}


@pytest.mark.parametrize("name", ["1", "192.0.2.7", "0x7f.1", "localhost", "a.localhost", "localhost.localdomain"])
def test_no_host_has_a_name_that_leads_elsewhere(name: str) -> None:
    """The C library reads it as an address, or each machine as its own."""
    assert only_problem(with_workers(name)).startswith(f"hosts.{name}: ")


@pytest.mark.parametrize(
    "stack",
    [
        pytest.param(with_setting("packages", repository=REPOSITORY | {"suite": "stable"}), id="no components"),
        pytest.param(with_setting("packages", repository=REPOSITORY | {"components": ["main"]}), id="flat"),
        pytest.param(with_setting("packages", repository=REPOSITORY | {"url": "https://a?x"}), id="query"),
        pytest.param(with_setting("containerd", registries={"a": {"mirrors": ["https://a/?x"]}}), id="another query"),
        pytest.param(with_setting("images", rewrite={"registry.k8s.io": "hub.test@sha256:0d"}), id="digest"),
        pytest.param(with_setting("images", rewrite={"registry.k8s.io": ".5"}), id="prefix"),
        pytest.param(with_setting("system", sysctl={"kernel.hostname": "a  b"}), id="blanks"),
        pytest.param(with_setting("system", sysctl={"kernel.hostname": "a "}), id="blank at the end"),
        pytest.param(with_setting("system", defaultTimeoutStopSec=2**64), id="a time that systemd ignores"),
        pytest.param(with_setting("system", minimumMemoryMib=2**64), id="a number that is 0 for bash"),
        pytest.param(with_setting("policy", drainTimeoutSeconds=2**64), id="another one"),
        pytest.param(with_setting("cluster", certificateGeneration=2**64), id="a third one"),
        pytest.param(with_setting("cluster", controlPlaneEndpoint="API.example.com"), id="capitals"),
        pytest.param(with_setting("cluster", kubeletConfiguration={"a": [{"b\x7f": 1}]}), id="control character"),
    ],
)
def test_what_a_program_refuses_or_misreads_is_refused_first(stack: Stack) -> None:
    """apt reads no list at all beside one bad entry; kubeadm cannot read its own files again."""
    assert only_problem(stack)


def test_a_binary_keyring_is_refused_with_a_way_to_convert_it(tmp_path: Path) -> None:
    """Standard input is text, and apt wants a file of this name to be text."""
    keyring = tmp_path / "key.gpg"
    keyring.write_bytes(b"\x99\x01\xff")
    problem = only_problem(with_setting("packages", repository=REPOSITORY | {"keyring": str(keyring)}))
    assert "--export --armor" in problem


def test_a_certificate_in_binary_form_is_refused_with_a_way_to_convert_it(tmp_path: Path) -> None:
    """DER, as browsers and Windows save it; of a registry and of an apt repository."""
    certificate = tmp_path / "ca.der"
    certificate.write_bytes(b"\x30\x82\x01\x0a")
    ca_file = {"caFile": str(certificate)}
    for stack in (
        with_setting("containerd", registries={"hub.example.com": ca_file}),
        with_setting("packages", repository=REPOSITORY | ca_file),
    ):
        assert "openssl x509" in only_problem(stack)


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
def test_a_private_key_is_no_setting_whose_file_reaches_hosts(tmp_path: Path, kind: str) -> None:
    """Whoever takes the wrong file of a pair would show the key in previews and lay it on every host."""
    file = tmp_path / "key.pem"
    file.write_text(f"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n-----BEGIN {kind}-----\n")
    for stack in (
        with_setting("containerd", registries={"hub.example.com": {"caFile": str(file)}}),
        with_setting("packages", repository=REPOSITORY | {"caFile": str(file)}),
        with_setting("packages", repository=REPOSITORY | {"keyring": str(file)}),
    ):
        assert "a private key is in the file" in only_problem(stack)


@pytest.mark.parametrize("url", ["https://apt.example.com/all", "https://apt.example.com/%61ll/"])
def test_a_mirror_with_all_packages_is_one_repository(url: str) -> None:
    """Two entries with a keyring each are a conflict, with which apt reads no list at all."""
    stack = with_setting("packages", repository=REPOSITORY | {"suite": "s", "components": ["kubernetes"]})
    stack["containerd"] = {"repository": REPOSITORY | {"url": url, "suite": "s", "components": ["docker"]}}
    settings = parse_settings(stack)
    found = [
        file.content for file in prepared_files(settings.control_planes[0], settings) if file.path.endswith(".list")
    ]
    assert [line.split()[2:] for line in found] == [["https://apt.example.com/all/", "s", "kubernetes", "docker"]]
    for other in ({"fingerprint": "B" * 40}, {"url": "http://apt.example.com/all/"}):
        different = stack | {"containerd": {"repository": stack["containerd"]["repository"] | other}}
        assert only_problem(different).startswith("containerd.repository: ")


@pytest.mark.parametrize(
    "stack",
    [
        with_setting("proxy", http="http://jo:C4NARY@proxy.example.com:3128"),
        with_setting("packages", repository=REPOSITORY | {"url": "https://jo:C4NARY@apt.example.com/"}),
        with_setting("packages", repository=REPOSITORY | {"keyring": "https://jo:C4NARY@apt.example.com/"}),
        with_setting("containerd", registries={"jo:C4NARY@hub.example.com": {}}),
        with_setting("containerd", registries={"a": {"mirrors": ["https://jo:C4NARY@hub.example.com"]}}),
        with_setting("containerd", pauseImage="jo:C4NARY@hub.example.com/pause"),
        with_setting("calico", manifestUrl="https://jo:C4NARY@hub.example.com/calico.yaml"),
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(stack: Stack) -> None:
    """The error is on the console, and in the comment of a pull request."""
    found = problems(stack)
    assert found
    assert "C4NARY" not in "".join(found)
