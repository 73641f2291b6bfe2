"""`make restore` lays a bundle on a machine only where it is whole, and of this cluster."""

from __future__ import annotations

import base64
import hashlib
import io
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest
from pulumi.automation import StackNotFoundError
from pulumi.automation._cmd import CommandResult

from components.host_files.kubeadm import identity
from components.settings import Host, Ssh
from components.settings.stack_file import parse_settings
from components.steps.ssh import Answer
from components.steps.stdin import inputs_of, prologue
from components.steps.step import StepName
from operations import __main__
from operations.etcd import restore
from problem import Problem, StepError
from tests.unit.support.stacks import SHOP, with_workers

SETTINGS = parse_settings(with_workers("node2"))
ID = "0123456789abcdef"
ABOUT = (
    f"cluster-name=dev\ncluster-id={ID}\ncluster-identity={identity(SETTINGS)}\nkubernetes-version=1.36.3\n"
    "host=node9\ntime=20261126T000000Z\n"
)
KEYS = [f"pki/{name}.{end}" for name in ("ca", "front-proxy-ca", "etcd/ca") for end in ("crt", "key")]
OTHERS = {"bundle.db": "data" * 1000, "about": ABOUT, "config.yaml": "kind: x\n", "pki/sa.key": "s", "pki/sa.pub": "s"}
FILES = OTHERS | {name: f"content of {name}" for name in KEYS}
Files = dict[str, str]


def archive(files: Files, *, sums: Files | None = None, more: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    """A bundle in the clear, with checksums of its files, or of others."""
    listed = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in (sums or files).items()}
    files = files | {"SHA256SUMS": "".join(f"{digest}  ./{name}\n" for name, digest in listed.items())}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            bundle.addfile(entry, io.BytesIO(text.encode()))
        for entry in more:
            bundle.addfile(entry)
    return packed.getvalue()


def without(name: str) -> Files:
    """The files but one."""
    return {each: text for each, text in FILES.items() if each != name}


def link(name: str) -> tarfile.TarInfo:
    """A link to a file of the machine."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/shadow"
    return entry


class Place:
    """A stack, the file of a bundle, and what was sent."""

    def __init__(self, directory: Path) -> None:
        self.settings = SETTINGS
        self.bundle = directory / "dev.bundle"
        self.bundle.write_bytes(archive(FILES))
        self.recorded: dict[tuple[str, StepName], str] | StepError = {}
        self.sent: list[tuple[str, str]] = []

    def run(self, host: Host, _: Ssh, text: str) -> Answer:
        """As run_as_root."""
        self.sent.append((host.name, text))
        return Answer(0, "", "")

    def restore(self, *arguments: str) -> int:
        """Status of `make restore`."""
        return __main__.main(["restore", "shop", str(self.bundle), *arguments])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A new stack of the same cluster."""
    found = Place(tmp_path)

    class Stack:
        name, commands = "shop", SHOP

        def settings(self) -> object:
            return found.settings

        def recorded_inputs(self) -> dict[tuple[str, StepName], str]:
            if isinstance(found.recorded, StepError):
                raise found.recorded
            return found.recorded

    monkeypatch.setattr(restore, "selected_stack", lambda _: Stack())
    monkeypatch.setattr(restore, "run_as_root", found.run)
    return found


def test_a_whole_bundle_reaches_the_machine_that_initialises(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Byte by byte, and nothing of it is printed."""
    place.recorded = {("node1", StepName.PREPARE): f"{prologue('prepare', {'CLUSTER_ID': '0123'})}run_step prepare\n"}
    assert place.restore() == 0
    ((name, text),) = place.sent
    assert name == "node1"
    *_, command, last = text.splitlines()
    encoded = last.removesuffix("run_step restore")
    assert base64.b64decode(encoded) == place.bundle.read_bytes()
    assert f"head --bytes {len(encoded)} |" in command
    assert inputs_of(text.replace(encoded, "")).values["CLUSTER_ID"] == "0123"
    printed = capsys.readouterr()
    origin = f"of cluster dev ({ID}) on node9 at 20261126T000000Z"
    assert f"node1: the next update begins with the bundle {origin}" in printed.out
    assert encoded[:40] not in printed.out + printed.err


def test_the_bundle_goes_where_an_update_began_to_initialise(place: Place) -> None:
    """Also where the stack file names another control plane first: that one would join a new, empty cluster."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["role"] = "control-plane"
    place.settings = parse_settings(stack)
    begun = prologue("prepare", {"CLUSTER_ID": "0123", "INITIALISES": "true"})
    place.recorded = {("node2", StepName.PREPARE): f"{begun}run_step prepare\n"}
    assert place.restore() == 0
    assert [name for name, _ in place.sent] == ["node2"]


@pytest.mark.parametrize("name", ["pki/ca.crt~", "pki/.hidden", "pki/of mine/x+y@z.crt", "pki/ümlaut"])
def test_files_of_people_among_the_keys_are_no_damage(place: Place, name: str) -> None:
    """An encrypted bundle cannot be mended when it is needed."""
    place.bundle.write_bytes(archive(FILES | {name: "x"}))
    assert place.restore() == 0


ENCRYPTED = FILES | {
    "pki/encryption.yaml": "kind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n"
    "  - secretbox: {keys: [{name: k2, secret: QUJD}]}\n  - aescbc: {keys: [{name: k1, secret: QUJD}]}\n"
    "  - identity: {}\n"
}


@pytest.mark.parametrize(("names", "missing"), [((), "k2, k1"), (("k2", "k3"), "k1"), (("k1", "k2"), None)])
def test_a_bundle_with_encrypted_secrets_needs_their_keys(
    place: Place, capsys: pytest.CaptureFixture[str], names: tuple[str, ...], missing: str | None
) -> None:
    """The API server would read none of them; no machine is visited, and no key is printed."""
    place.bundle.write_bytes(archive(ENCRYPTED))
    stack = with_workers("node2")
    if names:
        stack["cluster"]["encryption"] = {"keys": [{"name": name, "secret": name} for name in names]}
    place.settings = parse_settings(stack)
    assert place.restore() == (1 if missing else 0)
    printed = capsys.readouterr().err
    assert (f"saw none named {missing}\n" in printed, bool(place.sent)) == (bool(missing), not missing)
    assert "QUJD" not in printed


def test_a_configuration_of_keys_of_a_person_s_own_is_asked_for(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack has no keys then: the file has to be on the machine."""
    place.bundle.write_bytes(archive(ENCRYPTED))
    stack = with_workers("node2")
    arguments = [{"name": "encryption-provider-config", "value": "/etc/keys.yaml"}]
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraArgs": arguments}}
    place.settings = parse_settings(stack)
    assert place.restore() == 0
    assert "node1: Secrets in the bundle are encrypted: make its pki/encryption.yaml the file /etc/keys.yaml there" in (
        capsys.readouterr().out
    )


DAMAGED = {
    "truncated": (archive(FILES)[:-200], "a whole bundle"),
    "with a wrong byte": (archive(FILES)[:200] + b"\xff\x00" + archive(FILES)[202:], "a whole bundle"),
    "empty": (b"", "saw something else"),
    "of text": (b"hello", "saw something else"),
    "with another checksum": (archive(FILES, sums=FILES | {"bundle.db": "other"}), "other checksums: bundle.db"),
    "without about": (archive(without("about")), "a whole bundle"),
    "without a key": (archive(without("pki/etcd/ca.key")), "one without pki/etcd/ca.key"),
    "with a key that has no checksum": (archive(FILES, sums=without("pki/ca.key")), "one without pki/ca.key"),
    "without checksums": (archive(FILES, sums={"about": ABOUT}), "one without bundle.db"),
    "with a file elsewhere": (archive(FILES | {"../../etc/x": "x"}), "an archive with '../../etc/x' in it"),
    "with an absolute path": (archive(FILES | {"/etc/x": "x"}), "an archive with '/etc/x' in it"),
    "with a path that climbs": (archive(FILES | {"pki/../../x": "x"}), "an archive with 'pki/../../x' in it"),
    "with a path of dots": (archive(FILES | {"pki/./x": "x"}), "an archive with 'pki/./x' in it"),
    "with keys of Secrets that are none": (
        archive(FILES | {"pki/encryption.yaml": "x: ["}),
        "no EncryptionConfiguration",
    ),
    "with a link": (archive(FILES, more=(link("pki/extra.key"),)), "an archive with 'pki/extra.key' in it"),
    "with a huge name": (archive(FILES | {"x" * 100_000: "x"}), f"an archive with '{'x' * 80}' in it"),
    "with binary words": (archive(FILES | {"about": "cluster"}), "a whole bundle"),
    "of another cluster": (archive(FILES | {"about": ABOUT.replace("name dev", "name prod")}), "name prod"),
    "of another version": (archive(FILES | {"about": ABOUT.replace("1.36.3", "1.35.1")}), "kubernetesVersion: 1.35.1"),
    "of nobody": (archive(FILES | {"about": ABOUT.replace(f"cluster-id={ID}\n", "")}), "none of cluster-id"),
    "of no version": (archive(FILES | {"about": "time=x\n"}), "saw none"),
}


@pytest.mark.parametrize(("content", "problem"), DAMAGED.values(), ids=DAMAGED)
def test_a_bundle_that_does_not_fit_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str], content: bytes, problem: str
) -> None:
    """No machine is visited."""
    place.bundle.write_bytes(content)
    assert place.restore() == 1
    printed = capsys.readouterr().err
    assert problem in printed
    assert len(printed) < 2000
    assert place.sent == []


def test_the_command_for_an_encrypted_bundle_names_its_file_as_a_shell_reads_it(
    place: Place, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A directory of a person may have a blank in its name."""
    place.bundle = tmp_path / "of the lab.bundle"
    place.bundle.write_bytes(restore.SEQUENCE)
    assert place.restore() == 1
    command = capsys.readouterr().err.partition("\n  Next: ")[2]
    assert shlex.split(command) == ["make", "restore", "STACK=shop", f"BUNDLE={place.bundle}", "KEY=FILE"]


def test_an_address_as_endpoint_may_be_another_one(place: Place) -> None:
    """Its machine is lost."""
    other = ABOUT.replace(f"endpoint {SETTINGS.endpoint}", "endpoint 192.0.2.99:6443")
    assert other != ABOUT
    place.bundle.write_bytes(archive(FILES | {"about": other}))
    assert place.restore() == 0


@pytest.mark.parametrize(("identity_there", "status"), [(ID, 0), ("f" * 16, 1)])
def test_a_bundle_of_another_cluster_of_the_same_name_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str], identity_there: str, status: int
) -> None:
    """Where the stack file names the cluster that it takes over."""
    stack = with_workers("node2")
    stack["cluster"]["id"] = identity_there
    place.settings = parse_settings(stack)
    assert place.restore() == status
    refused = f"the id of the stack file: {identity_there},\n  saw {ID}" in capsys.readouterr().err
    assert (refused, bool(place.sent)) == (bool(status), not status)


def test_an_encrypted_bundle_needs_its_key(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which is read from its file."""
    for name in ("right", "wrong"):
        new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
        out = ["-keyout", str(tmp_path / f"{name}.key"), "-out", str(tmp_path / f"{name}.crt")]
        subprocess.run(["openssl", *new, *out], check=True, capture_output=True)
    plain = place.bundle.read_bytes()
    encrypt = ["openssl", "cms", "-encrypt", "-binary", "-stream", "-aes-256-cbc", "-outform", "DER"]
    sealed = subprocess.run(
        [*encrypt, str(tmp_path / "right.crt")], input=plain, capture_output=True, check=True
    ).stdout
    place.bundle.write_bytes(sealed)
    for arguments, problem in (
        ((), "the key for which the bundle is encrypted"),
        (("--key", str(tmp_path / "wrong.key")), "a whole bundle that the key in"),
        (("--key", str(tmp_path / "none.key")), "a whole bundle that the key in"),
    ):
        assert place.restore(*arguments) == 1
        printed = capsys.readouterr().err
        assert problem in printed
        assert ":error:" not in printed  # a code of openssl
    place.bundle.write_bytes(sealed[:-100])
    assert place.restore("--key", str(tmp_path / "right.key")) == 1
    assert place.sent == []
    place.bundle.write_bytes(sealed)
    assert place.restore("--key", str(tmp_path / "right.key")) == 0
    assert base64.b64encode(plain).decode() in place.sent[0][1]


def test_a_stack_with_members_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """An update would visit them."""
    place.recorded = {("node2", StepName.JOIN): ""}
    assert place.restore() == 1
    assert "saw its state has those of the lost cluster: node2" in capsys.readouterr().err
    assert place.sent == []


def test_a_state_that_cannot_be_read_is_no_empty_state(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """But a stack that is not there has none."""
    problem = Problem("read the state", expected="Pulumi to succeed", seen="incorrect passphrase", next_command="again")
    place.recorded = StepError.of(problem)
    assert place.restore() == 1
    assert "incorrect passphrase" in capsys.readouterr().err
    assert place.sent == []
    place.recorded.__cause__ = StackNotFoundError(CommandResult(stdout="", stderr="", code=1))
    assert place.restore() == 0
