"""No key of a bundle, nor the key that opens it, is where others read, however `make restore` ends."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from operations import __main__
from operations.etcd import restore
from tests.unit.operations.test_restore import FILES, archive
from tests.unit.operations.test_secrets_of_operations import CANARY, ENDS
from tests.unit.operations.test_ssh import program, programs
from tests.unit.support.recorded_stack import RecordedStack
from tests.unit.support.stacks import with_workers

__all__ = ["programs"]

ENCRYPT = ["openssl", "cms", "-encrypt", "-binary", "-stream", "-aes-256-cbc", "-outform", "DER"]
WATCHES = """\
printf '%s\\n' "$*" >>"$OLDPWD/arguments"
grep --recursive --files-with-matches --extended-regexp "$(cat "$OLDPWD/canaries")" . >>"$OLDPWD/written" || true
"""
"""Notes what a list of processes shows, and which files hold a secret while the program runs."""


class Bundle:
    """A bundle with a canary among its keys, encrypted, and what programs were seen to get.

    Attributes:
        key: file with the private key that opens it.
        file: the bundle.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.key, self.file = directory / "private.pem", directory / "dev.bundle"
        self._plain = archive(FILES | {"pki/ca.key": CANARY})
        certificate = directory / "public.crt"
        new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
        out = ["-keyout", str(self.key), "-out", str(certificate)]
        subprocess.run(["openssl", *new, *out], check=True, capture_output=True)
        sealed = subprocess.run([*ENCRYPT, str(certificate)], input=self._plain, capture_output=True, check=True)
        self.file.write_bytes(sealed.stdout)
        self._of_key = "".join(self.key.read_text().splitlines()[1:-1])
        self._of_bundle = base64.b64encode(self._plain).decode()
        canaries = [CANARY, self._of_key[40:64], self._of_bundle[100:140]]
        self._canaries = re.compile("|".join(re.escape(each) for each in canaries))
        (directory / "canaries").write_text(self._canaries.pattern)

    def is_in(self, text: str) -> bool:
        """True where a secret is in a text."""
        return bool(self._canaries.search(text))

    def arrived(self) -> bool:
        """True where the host got the bundle, and not the key."""
        sent = (self._directory / "sent").read_text()
        return self._of_bundle in sent and self._of_key[40:64] not in sent


@pytest.fixture
def bundle(programs: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """Beside programs that watch, and a directory for temporary files, in which the command runs."""
    found = Bundle(programs)
    scratch = programs / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("OLDPWD", str(programs))
    monkeypatch.chdir(scratch)
    program(programs, "openssl", f'{WATCHES}exec {shutil.which("openssl", path="/usr/bin:/bin")} "$@"')
    monkeypatch.setattr(restore, "selected_stack", lambda _: RecordedStack(with_workers("node2"), {}))
    return found


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_no_key_is_seen_while_a_bundle_is_laid(
    bundle: Bundle, programs: Path, capfd: pytest.CaptureFixture[str], end: str
) -> None:
    """It comes to the host by standard input alone, and what a host prints beside its messages is not shown."""
    program(programs, "ssh", f'{WATCHES}cat >"$OLDPWD/sent"; cat "$OLDPWD/sent"; {end}')
    status = __main__.main(["restore", "shop", str(bundle.file), "--key", str(bundle.key)])
    assert status == (0 if end == "exit 0" else 1)
    printed = capfd.readouterr()
    for text in (printed.out, printed.err, (programs / "arguments").read_text(), (programs / "written").read_text()):
        assert not bundle.is_in(text)
    assert (programs / "written").read_text() == ""
    assert list((programs / "scratch").iterdir()) == []
    assert bundle.arrived()


def test_no_key_is_seen_where_the_bundle_is_refused(
    bundle: Bundle, programs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of a damaged bundle openssl has decrypted a part."""
    content = bundle.file.read_bytes()
    program(programs, "ssh", 'cat >"$OLDPWD/sent"')
    for damaged in (content[:-100], content[:-20] + b"\xff" * 20):
        bundle.file.write_bytes(damaged)
        assert __main__.main(["restore", "shop", str(bundle.file), "--key", str(bundle.key)]) == 1
    printed = capfd.readouterr()
    assert not bundle.is_in(printed.out + printed.err + (programs / "arguments").read_text())
    assert (programs / "written").read_text() == ""
    assert list((programs / "scratch").iterdir()) == []
