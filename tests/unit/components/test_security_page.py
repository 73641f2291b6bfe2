"""docs/security.md says which secrets a state holds, and which files are on hosts: as the code has it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.addons import fetching
from components.host_files import File, api_server, apt, containerd, kubeadm
from components.settings import Settings
from components.settings.stack_file import parse_settings
from local.paths import REPOSITORY
from tests.scripts.machine import Machine
from tests.unit.support.files import prepared_files
from tests.unit.support.recording import HIDDEN, Registered, record, stack_of, unwrapped
from tests.unit.support.stacks import full

PAGE = REPOSITORY / "docs" / "security.md"
DIRECTORIES = ("/run/pulumi-kubeadm", "/var/lib/pulumi-kubeadm", "/var/log/pulumi-kubeadm")
AUDIT_LOGS = api_server.AUDIT_LOGS
"""tests/scripts/test_audit.py looks at its mode."""
OF_INSTALLATION = "/usr/local/lib/pulumi-kubeadm"
"""tests/scripts/test_install.py looks at its mode."""
OF_SCRIPTS = re.compile(r"^[A-Z_]+=(/etc/\S*pulumi-kubeadm\S*)", re.MULTILINE)
"""A file that a script names as a file of this project."""
HOSTS = ("node1", "node2", "node3")
WITH_LOGIN = {"url": "https://example.com/deb", "fingerprint": "A" * 40, "username": "robot"}


def rows(header: str) -> list[list[str]]:
    """Cells of the table with this header, without their backticks."""
    table = PAGE.read_text().partition(header)[2].partition("\n\n")[0]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Resource and property of each secret that an update of a stack with every kind of secret puts into the state."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    account = {"name": "robot", "namespace": "ci", "longLivedToken": True}
    stack = stack_of(tmp_path, "node2", "node3") | {"access": {"serviceAccounts": [account]}}
    stack["cluster"]["encryption"] = {"keys": [{"name": "k1", "secret": "key"}]}
    stack["packages"] = {"repository": WITH_LOGIN | {"keyring": f"{WITH_LOGIN['url']}/key"}}
    run = record(stack, preview=False)
    return {(kind, name) for each in run.resources for kind, name in _secrets_of(each)}


def _secrets_of(resource: Registered) -> Iterator[tuple[str, str]]:
    shown = unwrapped(resource._wrapped, hide=True)
    names = {name for name, value in shown.items() if HIDDEN in str(value)}
    first, _, last = resource.name.rpartition("/")
    for name in names | set(resource.request.additionalSecretOutputs):
        if name == "connection":
            yield "HOST/STEP, each command", name
        elif resource.request.type == "command:remote:Command":
            yield f"{'HOST' if first in HOSTS else first}/{last}", name
        elif resource.request.type == "kubernetes:core/v1:Secret":
            yield f"NAMESPACE/{last.replace('robot', 'ACCOUNT')}", name
        else:
            yield resource.name, name


def test_the_page_names_each_secret_of_a_state_and_nothing_else(secrets: set[tuple[str, str]]) -> None:
    """A new one fails here until the page says what it opens."""
    table = rows("| resource | property | what it opens |")
    assert {(resource, name) for resource, names, _ in table for name in names.split(", ")} == secrets


def test_the_page_names_each_file_on_hosts_with_its_mode(tmp_path: Path) -> None:
    """Of every kind of host, of every file that a stack may ask for, and of what scripts write by themselves."""
    (tmp_path / "key.asc").write_text("a key")
    found = {(path, "0644") for path in _files_of_scripts()}
    for version in ("1.24.3", "1.36.3"):
        stack = full(tmp_path, "node2", "node3", version=version)
        if version == "1.36.3":
            stack["hosts"]["node2"]["role"] = "control-plane"
            stack["cluster"]["vip"] = {"address": "192.0.2.100"}
        authority = {"caFile": str(tmp_path / "ca.crt")}
        stack["packages"] = {"repository": WITH_LOGIN | authority | {"keyring": str(tmp_path / "key.asc")}}
        stack["proxy"] = {"http": "http://proxy.example.com:3128"}
        stack["cluster"]["audit"] = {}
        settings = parse_settings(stack)
        found |= {(_place(file.path), file.mode) for file in _files(settings)}
    documented = {(path, mode) for path, mode, _ in rows("| file | mode | what is in it |")}
    assert {each for each in documented if each[0] not in (*DIRECTORIES, AUDIT_LOGS, OF_INSTALLATION)} == found


def _files(settings: Settings) -> Iterator[File]:
    for host in settings.hosts.values():
        yield from prepared_files(host, settings)
    yield from containerd.credential_files(settings, {"hub.example.com": "a password"})
    yield from apt.login_files(settings, {"example.com": "a password"})
    yield from api_server.policy_files(settings)
    yield File(api_server.ENCRYPTION, "", "0600")
    yield File(kubeadm.DISCOVERY_PATH, "", "0600")


def _files_of_scripts() -> set[str]:
    """Files of this project that scripts name; those that are staged, and removed again, are directories of a step."""
    texts = (path.read_text() for path in (REPOSITORY / "scripts").rglob("*.sh"))
    return {path for text in texts for path in OF_SCRIPTS.findall(text)} - {apt.LOGINS}


def _place(path: str) -> str:
    path = re.sub(r"(?<=certs\.d/)[^/]+", "REGISTRY", path)
    path = re.sub(r"(?<=authorities/)[^/]+(?=\.crt)", "SERVER", path)
    path = re.sub(r"(keyrings|sources\.list\.d)/\w+", r"\1/REPOSITORY", path)
    path = re.sub(r"(?<=audit-policy-)[0-9a-f]+", "*", path)
    return re.sub(r"(?<=config\.toml)\.[\d.]+$", "", path)


def test_directories_of_steps_are_closed_to_everyone_but_root(tmp_path: Path) -> None:
    """Whatever the umask of the login is; the log in it as well."""
    machine = Machine(tmp_path)
    machine.script("look", 'stat --format "%a" "$STAGING" >&2')
    finished = machine.run("look")
    assert (finished.status, finished.stderr) == (0, "700\n")
    modes = {name: f"{machine.path(name).stat().st_mode & 0o7777:04o}" for name in DIRECTORIES}
    assert modes.items() <= {(path, mode) for path, mode, _ in rows("| file | mode | what is in it |")}
    assert machine.path("/var/log/pulumi-kubeadm/look.log").stat().st_mode & 0o077 == 0


def test_the_page_says_what_a_sudo_that_logs_input_keeps(tmp_path: Path) -> None:
    """What it tells people to write is a file that sudo takes, where visudo is there to ask."""
    section = PAGE.read_text().partition("## Logs of sudo\n")[2].partition("\n## ")[0]
    assert "With `log_input` it keeps that too, with registry" in section
    (line,) = re.findall(r"^Defaults:.*$", section, re.MULTILINE)
    assert {"!log_input", "!log_output"} <= set(line.partition("#")[0].replace(",", "").split())
    visudo = shutil.which("visudo", path=f"{os.environ['PATH']}:/usr/sbin")
    if visudo:
        (tmp_path / "sudoers").write_text(f"{line}\n")
        subprocess.run([visudo, "--check", "--file", tmp_path / "sudoers"], check=True, capture_output=True)
