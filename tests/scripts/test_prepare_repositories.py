"""Package repositories on a machine, and the keys that apt trusts."""

from __future__ import annotations

import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest

from components.host_files import File
from tests.scripts.drift import LOOK, make_look
from tests.scripts.machine import Machine

KEY = "C2FA8756AEDE590C9A05FE92EA5794177C8B708B"
SUBKEY = "49A83BE5FB4357029E7B1C1BFBBC8791824428B4"
OTHER_KEY = "0ED0B76F37D41B0A66E461666F3793E21069DEFF"
KEYS = (Path(__file__).parent / "samples" / "two-keys.asc").read_text()
"""KEY, which has SUBKEY, and OTHER_KEY, all made for these tests."""
SOURCE = "/etc/apt/sources.list.d/kubernetes.list"
KEYRING = "/etc/apt/keyrings/kubernetes.asc"


def repository(machine: Machine, fingerprint: str = KEY, url: str = "-") -> tuple[dict[str, str], list[File]]:
    """Values and files of one repository."""
    values = {
        "KEYRINGS": f"{machine.path(KEYRING)} {fingerprint} {url}",
        "PROXY_VARIABLES": "",
    }
    return values, [File(SOURCE, "deb x /\n"), File(KEYRING, KEYS)]


@pytest.fixture
def with_apt(machine: Machine) -> Machine:
    """A machine whose gpg is a real one."""
    machine.stub("apt-get")
    return machine


def primary_keys(keyring: str) -> list[str]:
    """Fingerprints of the primary keys, in the order of the keyring."""
    with tempfile.TemporaryDirectory() as home:
        command = ["gpg", "--batch", "--homedir", home, "--show-keys", "--with-colons"]
        listed = subprocess.run(command, input=keyring, check=True, capture_output=True, text=True).stdout
    lines = [line.split(":") for line in listed.splitlines()]
    return [line[9] for before, line in pairwise(lines) if before[0] == "pub"]


def test_package_lists_are_read_when_a_repository_changed_and_not_otherwise(with_apt: Machine) -> None:
    """A run that changes nothing needs no network."""
    values, files = repository(with_apt)
    assert with_apt.run_part("repositories", values, files).status == 0
    assert [call for call in with_apt.calls() if call.endswith("update --error-on=any")]
    second = with_apt.run_part("repositories", values, files)
    assert (second.status, second.stderr) == (0, "")
    assert not [call for call in with_apt.calls() if call.startswith("apt-get")]


def test_package_lists_are_read_again_after_a_failure(with_apt: Machine) -> None:
    """The sources are in place by then, and would hide it."""
    values, files = repository(with_apt)
    assert with_apt.run_part("repositories", values, files).status == 0
    files[0] = File(SOURCE, "deb y /\n")
    with_apt.stub("apt-get", "exit 100")
    assert with_apt.run_part("repositories", values, files).status == 1
    with_apt.stub("apt-get")
    with_apt.calls()
    assert with_apt.run_part("repositories", values, files).status == 0
    assert [call for call in with_apt.calls() if call.endswith("update --error-on=any")]


def test_only_the_named_keys_are_trusted(with_apt: Machine) -> None:
    """apt trusts each key in a keyring, so whoever adds one to the fetched file would sign packages."""
    values, files = repository(with_apt)
    assert with_apt.run_part("repositories", values, files).status == 0
    assert primary_keys(with_apt.path(KEYRING).read_text()) == [KEY]
    both, files = repository(with_apt, fingerprint=f"{KEY},{OTHER_KEY}")
    assert with_apt.run_part("repositories", both, files).status == 0
    assert sorted(primary_keys(with_apt.path(KEYRING).read_text())) == sorted([KEY, OTHER_KEY])
    assert with_apt.run_part("repositories", values, files).status == 0
    assert primary_keys(with_apt.path(KEYRING).read_text()) == [KEY]


def test_a_keyring_that_was_installed_as_it_came_is_replaced(with_apt: Machine) -> None:
    """An earlier version of this project did that."""
    with_apt.write(KEYRING, KEYS)
    values, files = repository(with_apt)
    finished = with_apt.run_part_twice("repositories", values, files)
    assert finished.stderr == ""
    assert primary_keys(with_apt.path(KEYRING).read_text()) == [KEY]


@pytest.mark.parametrize("named", [SUBKEY, f"{KEY},{'A' * 40}"])
def test_each_named_key_is_a_primary_key_of_the_keyring(with_apt: Machine, named: str) -> None:
    """Whoever has a subkey of another key has not shown that this key is the owner's."""
    values, files = repository(with_apt, fingerprint=named)
    finished = with_apt.run_part("repositories", values, files)
    assert finished.status == 1
    assert "expected a key with fingerprint" in finished.stderr
    assert not with_apt.path(KEYRING).exists()


def test_gpg_has_no_home_and_no_network_of_its_own(with_apt: Machine) -> None:
    """Neither the keys of root, nor an agent that outlives the step, nor a key server."""
    with_apt.stub("gpg", "exit 2")
    values, files = repository(with_apt)
    finished = with_apt.run_part("repositories", values, files)
    assert "saw no key that gpg can read" in finished.stderr
    calls = [call for call in with_apt.calls() if call.startswith("gpg")]
    assert len(calls) >= 3  # import, export, show
    for call in calls:
        assert f"--homedir {with_apt.path('/run/pulumi-kubeadm/part/gpg')} " in call
        assert "--no-options" in call
        assert "--no-autostart --disable-dirmngr" in call


@pytest.mark.parametrize(
    ("scheme", "only"), [("https", "--proto =https --proto-redir =https "), ("http", "")], ids=["https", "http"]
)
def test_a_key_with_a_safe_address_is_not_fetched_from_another(with_apt: Machine, scheme: str, only: str) -> None:
    """A redirect may lead away from https."""
    with_apt.stub("curl", "exit 6")
    values, files = repository(with_apt, url=f"{scheme}://example.com/key")
    with_apt.run_part("repositories", values, files[:1])
    (call,) = [call for call in with_apt.calls() if call.startswith("curl")]
    assert f"--location {only}--retry" in call


def test_a_key_and_packages_come_from_a_server_with_an_authority_of_its_own(with_apt: Machine) -> None:
    """The authority is there before anything is fetched, and counts for its server only."""
    authority, setting = "/etc/apt/authorities/hub.test.crt", "/etc/apt/apt.conf.d/90pulumi-kubeadm-authorities"
    with_apt.stub("curl", f"cat $ROOT{authority} $ROOT{setting} >>$ROOT/seen; exit 6")
    for url in ("https://Hub.test:8443/key", "https://other.test/key"):
        values, files = repository(with_apt, url=url)
        authorities = [File(authority, "of the hub\n"), File(setting, "of apt\n")]
        assert with_apt.run_part("repositories", values, [files[0], *authorities]).status == 1
    first, second = [call for call in with_apt.calls() if call.startswith("curl")]
    assert f"--cacert {with_apt.path(authority)} " in first
    assert "--cacert" not in second
    assert with_apt.path("/seen").read_text() == "of the hub\nof apt\n" * 2


def test_a_fetched_keyring_goes_when_no_repository_names_it(with_apt: Machine) -> None:
    """As a keyring that was staged; a reset removes what the list holds."""
    with_apt.script(
        "fetching",
        '. "$LIBRARY/lib/lib.sh"\nfor part in leftovers repositories; do . "$LIBRARY/parts/prepare/$part.sh"; done',
    )
    keys = with_apt.write("/srv/keys", KEYS)
    with_apt.stub("curl", f'while [[ $1 != --output ]]; do shift; done; cp {keys} "$2"')
    values, files = repository(with_apt, url="https://example.com/key")
    assert with_apt.run("fetching", values, files[:1]).status == 0
    assert primary_keys(with_apt.path(KEYRING).read_text()) == [KEY]
    assert with_apt.run("fetching", values | {"KEYRINGS": ""}, files[:1]).status == 0
    assert not with_apt.path(KEYRING).exists()


def test_drift_shows_which_keys_apt_trusts(with_apt: Machine) -> None:
    """The installed keyring is not the file of the stack, but the export of its named keys."""
    values, files = repository(with_apt)
    assert with_apt.run_part("repositories", values, files).status == 0
    make_look(with_apt, "format=2", "look_at_files", "look_at_keyrings")
    assert with_apt.run(LOOK, values, files).stdout == ""
    with_apt.write(KEYRING, KEYS)
    assert with_apt.run(LOOK, values, files).stdout == (
        f"{with_apt.path(KEYRING)}: expected the keys {KEY}, saw {OTHER_KEY} {KEY}\n"
    )
    with_apt.write(KEYRING, "rubbish\n")
    assert "saw no key that gpg can read" in with_apt.run(LOOK, values, files).stdout
    with_apt.path(KEYRING).chmod(0o600)
    assert "expected mode 644, saw 600" in with_apt.run(LOOK, values, files).stdout
    with_apt.path(KEYRING).unlink()
    assert "expected the file, saw none" in with_apt.run(LOOK, values, files).stdout


def test_a_key_with_another_fingerprint_is_never_put_in_place(with_apt: Machine) -> None:
    """Nor is the repository that it signs."""
    values, files = repository(with_apt, fingerprint="A" * 40)
    finished = with_apt.run_part("repositories", values, files)
    assert finished.status == 1
    assert f"expected a key with fingerprint {'A' * 40},\n  saw {OTHER_KEY}\n    {KEY}" in finished.stderr
    assert not with_apt.path(KEYRING).exists()
    assert not with_apt.path(SOURCE).exists()


def test_a_key_that_cannot_be_fetched_is_an_error_with_its_url(with_apt: Machine) -> None:
    """And with what curl said."""
    with_apt.stub("curl", "echo 'curl: (6) Could not resolve host' >&2; exit 6")
    values, files = repository(with_apt, url="https://example.com/key")
    finished = with_apt.run_part("repositories", values, files[:1])
    assert finished.status == 1
    assert "saw curl: (6) Could not resolve host" in finished.stderr
    assert "curl -v https://example.com/key" in finished.stderr


def test_a_key_is_fetched_through_the_proxy_of_the_stack(with_apt: Machine) -> None:
    """apt reads its own file; curl is told by variables."""
    with_apt.stub("curl", 'printf "%s %s" "$https_proxy" "$no_proxy" >"$ROOT/told"')
    values, files = repository(with_apt, url="https://example.com/key")
    values["PROXY_VARIABLES"] = "https_proxy=http://proxy.example.com:3128\nno_proxy=localhost,*.example.com"
    with_apt.run_part("repositories", values, files)
    assert with_apt.path("/told").read_text() == "http://proxy.example.com:3128 localhost,*.example.com"


@pytest.mark.parametrize(
    "setting", ['http::Proxy "http://u:p@proxy:3128"', 'https::Proxy-Auto-Detect "/usr/bin/find"', ""]
)
def test_a_key_is_fetched_through_a_proxy_that_apt_alone_knows(with_apt: Machine, setting: str) -> None:
    """curl finds no way out there, and apt does; a proxy that is no way for keys is not asked before."""
    with_apt.stub("apt-config", f"echo 'Acquire::{setting};'" if setting else "")
    with_apt.stub("curl", "echo 'curl: (28) timed out' >&2; exit 28")
    with_apt.write("/served", KEYS)
    with_apt.stub("apt-helper", '[[ $1 == download-file && $2 == https://example.com/key ]] && cp "$ROOT/served" "$3"')
    values, files = repository(with_apt, url="https://example.com/key")
    finished = with_apt.run_part("repositories", values, files[:1])
    if setting:
        assert finished.status == 0, finished.stderr
        assert primary_keys(with_apt.path(KEYRING).read_text()) == [KEY]
    else:
        assert "saw curl: (28) timed out" in finished.stderr
    with_apt.stub("apt-helper", "exit 100")
    assert "saw curl: (28) timed out" in with_apt.run_part("repositories", values, files[:1]).stderr


DOCKER = "/etc/apt/sources.list.d/containerd.list"
ADDRESS = "https://download.docker.com/linux/debian"
OURS = f"deb [signed-by=/etc/apt/keyrings/containerd.asc] {ADDRESS} bookworm stable\n"


@pytest.mark.parametrize(
    ("name", "entry", "is_same"),
    [
        ("docker.list", f"deb [arch=amd64 signed-by=/k.asc] {ADDRESS} bookworm stable\n", True),
        ("docker.list", f"deb {ADDRESS}/ bookworm test\n", True),
        ("docker.sources", f"Types: deb\nURIs: {ADDRESS}\nSuites: bookworm\nComponents: stable\n", True),
        ("docker.sources", f"Types: deb\nEnabled: no\nURIs: {ADDRESS}\nSuites: bookworm\n", False),
        ("docker.list", f"# deb {ADDRESS} bookworm stable\n", False),
        ("docker.list", f"deb {ADDRESS} bullseye stable\n", False),
        ("docker.list", f"deb {ADDRESS}-security bookworm stable\n", False),
        ("docker.list.save", f"deb {ADDRESS} bookworm stable\n", False),
        ("two.sources", f"URIs: http://x\nSuites: y\nEnabled: no\n\nURIs: {ADDRESS}\nSuites: bookworm\n", True),
        ("two.sources", f"Enabled: False\nURIs: {ADDRESS}\nSuites: bookworm\n\nURIs: http://x\nSuites: y\n", False),
        ("two.sources", f"URIs: {ADDRESS}\nSuites: bullseye\n\nURIs: http://x\nSuites: bookworm\n", False),
        ("two.list", f"deb {ADDRESS} bullseye stable\ndeb http://x bookworm main\n", False),
    ],
)
def test_a_repository_that_another_file_has_is_named_before_anything_is_written(
    with_apt: Machine, name: str, entry: str, is_same: bool
) -> None:
    """With two keyrings for one repository apt works on the host no more, until someone mends it."""
    other = with_apt.write(f"/etc/apt/sources.list.d/{name}", entry)
    values, files = repository(with_apt)
    finished = with_apt.run_part("repositories", values, [*files, File(DOCKER, OURS)])
    assert (finished.status == 1) == is_same, finished.stderr
    assert with_apt.path(DOCKER).exists() != is_same
    assert with_apt.path(SOURCE).exists() != is_same
    assert not is_same or f"saw {other}\n" in finished.stderr


def test_a_key_is_fetched_by_the_proxy_that_the_machine_names(with_apt: Machine) -> None:
    """As by any other program of the machine; a proxy of the stack goes before it."""
    with_apt.stub(
        "curl", 'echo "${https_proxy:-none}" >>"$ROOT/proxies"; while [[ $1 != --output ]]; do shift; done; : >"$2"'
    )
    values, files = repository(with_apt, url="https://apt.example.com/key")
    with_apt.run_part("repositories", values | {"https_proxy": "http://machine.test:1"}, files[:1])
    values["PROXY_VARIABLES"] = "https_proxy=http://stack.test:2"
    with_apt.run_part("repositories", values | {"https_proxy": "http://machine.test:1"}, files[:1])
    assert with_apt.path("/proxies").read_text().split() == ["http://machine.test:1", "http://stack.test:2"]


@pytest.mark.parametrize(
    ("release", "entry"),
    [
        ("ID=debian\nVERSION_CODENAME=trixie\n", "debian trixie"),
        ("ID=ubuntu\nVERSION_CODENAME=noble\nUBUNTU_CODENAME=noble\n", "ubuntu noble"),
        ("ID=linuxmint\nVERSION_CODENAME=xia\nUBUNTU_CODENAME=noble\n", "ubuntu noble"),
        ("ID=linuxmint\nVERSION_CODENAME=gigi\nDEBIAN_CODENAME=trixie\n", "debian trixie"),
    ],
)
def test_a_source_list_gets_the_release_of_its_machine(with_apt: Machine, release: str, entry: str) -> None:
    """Only the machine knows it. A derivative has packages of the release that it is made from."""
    with_apt.write("/etc/os-release", release)
    values, files = repository(with_apt)
    files[0] = File(SOURCE, "deb [signed-by=x] https://docker.test/linux/{distribution} {codename} stable\n")
    second = with_apt.run_part_twice("repositories", values, files)
    assert second.stderr == ""
    distribution, codename = entry.split()
    wanted = f"deb [signed-by=x] https://docker.test/linux/{distribution} {codename} stable\n"
    assert with_apt.path(SOURCE).read_text() == wanted
    make_look(with_apt, "format=2", "look_at_files", "look_at_keyrings")
    assert with_apt.run(LOOK, values, files).stdout == ""
    other = f"deb https://docker.test/linux/{distribution} {codename} stable\n"
    with_apt.write("/etc/apt/sources.list.d/docker.list", other)
    finished = with_apt.run_part("repositories", values, files)
    assert finished.status == 1
    assert f"expected https://docker.test/linux/{distribution} {codename} in no other file" in finished.stderr
