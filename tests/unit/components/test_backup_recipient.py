"""The recipient of bundles is a certificate for which CMS encrypts, and nothing secret beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from components.host_files.backup import TIMER, backup_files
from components.settings import Settings
from components.settings.stack_file import parse_settings
from tests.unit.support.stacks import outcome, with_workers


def certificate(directory: Path, *algorithm: str) -> tuple[Path, Path]:
    """A new certificate, and its key."""
    found, key = directory / "backup.crt", directory / "backup.key"
    new = ["req", "-x509", "-newkey", *algorithm, "-nodes", "-subj", "/CN=backup", "-keyout", str(key)]
    subprocess.run(["openssl", *new, "-out", str(found)], check=True, capture_output=True)
    return found, key


def taken(path: Path) -> object:
    """Settings, or what is wrong."""
    return outcome(with_workers() | {"backup": {"recipient": str(path)}})


@pytest.mark.parametrize("algorithm", [("rsa:2048",), ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")])
def test_a_certificate_for_encryption_is_taken(tmp_path: Path, algorithm: tuple[str, ...]) -> None:
    """With a comment in any language above it."""
    path, _ = certificate(tmp_path, *algorithm)
    path.write_text(f"Schlüssel\n{path.read_text()}")
    assert isinstance(taken(path), Settings)


def test_a_certificate_that_encrypts_nothing_is_refused(tmp_path: Path) -> None:
    """Each snapshot would fail on the machines."""
    path, _ = certificate(tmp_path, "ed25519")
    assert "encrypts nothing" in str(taken(path))


def test_a_private_key_reaches_no_host(tmp_path: Path) -> None:
    """Whoever makes one file of the two would send the key to every control plane."""
    path, key = certificate(tmp_path, "rsa:2048")
    path.write_text(path.read_text() + key.read_text())
    assert "a private key is in the file" in str(taken(path))


PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n"
BROKEN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("text", ["", "nonsense", BROKEN, PUBLIC_KEY, AGE, "ssh-rsa AAAA someone\n"])
def test_what_is_no_certificate_is_refused(tmp_path: Path, text: str) -> None:
    """In words, with the commands that make one, also of a key that is there."""
    path = tmp_path / "backup.crt"
    path.write_text(text)
    problem = str(taken(path))
    assert "a public key alone, and a key of age, SSH or GPG, is none; a new one: openssl req" in problem
    assert "of a key that you have: openssl req -x509 -key backup.key" in problem


def test_a_certificate_of_a_key_that_is_there_is_taken(tmp_path: Path) -> None:
    """By the command of the message."""
    key = ["openssl", "genpkey", "-algorithm", "RSA", "-out", "backup.key"]
    make = [
        "openssl",
        "req",
        "-x509",
        "-key",
        "backup.key",
        "-days",
        "3650",
        "-subj",
        "/CN=backup",
        "-out",
        "backup.crt",
    ]
    for command in (key, make):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert isinstance(taken(tmp_path / "backup.crt"), Settings)


def test_several_certificates_are_refused(tmp_path: Path) -> None:
    """Only the first would be encrypted for, and the owner of the second learns it when the bundle is needed."""
    path, _ = certificate(tmp_path, "rsa:2048")
    path.write_text(path.read_text() * 2)
    assert "2 certificates are in the file" in str(taken(path))


def minutes(count: int) -> list[str]:
    """The minute in the hour of each of so many control planes."""
    stack = with_workers(*(f"node{number}" for number in range(2, count + 1)))
    for line in stack["hosts"].values():
        line["role"] = "control-plane"
    settings = parse_settings(stack)
    timers = [
        file.content for host in settings.control_planes for file in backup_files(host, settings) if file.path == TIMER
    ]
    return [timer.split("UTC")[0].split(":")[1] for timer in timers]


def test_control_planes_are_saved_one_after_the_other() -> None:
    """Each at a minute that follows from its name: none of them changes where another one comes."""
    assert len(set(minutes(3))) == 3
    assert minutes(5)[:3] == minutes(3)
