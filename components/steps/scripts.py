"""The scripts of this project as an archive, installed on a host whole, verified, in a directory per version."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import secrets
import shlex
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from components.host_files import File
from components.steps.stdin import LIBRARY, rerun_as

SCRIPTS = Path(__file__).parents[2] / "scripts"
SUMS = "SHA256SUMS"


@cache
def scripts_version() -> str:
    """SHA-256 of the list of checksums of `scripts/`: names the directory of this version on a host."""
    return hashlib.sha256(_checksums()).hexdigest()


def rerun(
    text: str,
    script: str,
    more_files: Sequence[File] = (),
    *,
    values: Mapping[str, str] | None = None,
    mode: str = "create",
) -> str:
    """Standard input that gives the inputs of a recorded command to another script of this version.

    The text installs the scripts in a temporary directory: installed scripts are neither used nor changed.

    Args:
        text: standard input of the recorded command.
        script: name of a file in `scripts/steps`; the script runs under this name.
        more_files: staged in place of recorded files of the same paths, or beside the recorded files.
        values: variables in place of recorded variables, or beside them.
        mode: argument of scripts/run.sh; `verify` never starts over.
    """
    place = f"/run/pulumi-kubeadm-scripts-{secrets.token_hex(4)}"
    again = rerun_as(text, script, more_files, library=place, values=values)
    return f"set -- {mode}\ntrap 'rm -rf {place}' EXIT\n{install_scripts(place)}{again}"


def install_scripts(place: str = LIBRARY, identity: str = "", files: Sequence[File] = ()) -> str:
    """Bash that installs this version of `scripts/` on a host and makes it the current version.

    A complete installed version is not written again.

    Args:
        place: directory of the scripts.
        identity: identity of the cluster; the scripts of another cluster stay. Empty for any.
        files: files that the host shares with others, in place of earlier ones; without any the earlier ones stay.
    """
    contents = {file.digest: file.content.encode() for file in files}
    named = {"PLACE": place, "VERSION": scripts_version(), "CLUSTER_ID": identity}
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in named.items())
    shared = base64.b64encode(_packed(contents)).decode() if contents else ""
    return f"{assignments}SHARED_FILES={shared}\n{_installer()}\ninstall_version <<'ARCHIVE'\n{_archive()}\nARCHIVE\n"


def _installer() -> str:
    """The functions of scripts/install.sh, as text, because the host has no scripts yet."""
    return (SCRIPTS / "install.sh").read_text()


def _files() -> dict[str, bytes]:
    """Content by path below `scripts/`."""
    return {str(path.relative_to(SCRIPTS)): path.read_bytes() for path in sorted(SCRIPTS.rglob("*.sh"))}


def _checksums() -> bytes:
    """Checksums of all scripts, in the format of sha256sum."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in _files().items()).encode()


@cache
def _archive() -> str:
    """The archive of all scripts, in base64."""
    return base64.b64encode(_packed({**_files(), SUMS: _checksums()})).decode()


def _packed(files: Mapping[str, bytes]) -> bytes:
    """A gzipped archive of files, by path; the same for the same files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
