"""Images in registries, read and copied with skopeo: https://github.com/containers/skopeo."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import shutil
import subprocess
from pathlib import Path

from components.settings import Settings
from problem import StepError

LOOPBACK_NAMES = {"localhost"}
TIMED_OUT = 124
"""Exit status for a program that was ended at its limit, as timeout(1) has it."""
READ_SECONDS = 120
COPY_SECONDS = 3600
"""Limits, for a registry that accepts a connection and is silent: the next image is tried, and no command hangs."""
RUN = Path("/run/containers")
"""Parent of the directory with the logins of each user who has no session."""


class Skopeo:
    """Skopeo with the certificates and passwords of a stack's hosts, and the logins of the person who runs it."""

    def __init__(self, settings: Settings, passwords: dict[str, str], scratch: Path) -> None:
        """Write the certificates and logins that skopeo reads.

        Args:
            passwords: password by registry, for registries with a login.
            scratch: a directory that only its owner may enter.

        Raises:
            StepError: the program skopeo is missing.
        """
        program = shutil.which("skopeo")
        if program is None:
            raise StepError(
                "copy images", expected="the program skopeo", seen="none in PATH", next_command="apt-get install skopeo"
            )
        self._program, self._scratch = program, scratch
        self._registries = settings.containerd.registries
        self._logins = scratch / "auth.json"
        self._logins.touch(mode=0o600)
        self._logins.write_text(json.dumps({"auths": _logins(settings, passwords)}))
        for name, access in self._registries.items():
            if access.ca_file:
                certificates = scratch / name
                certificates.mkdir()
                shutil.copyfile(access.ca_file, certificates / "ca.crt")

    def digest(self, image: str) -> str | None:
        """Digest of the manifest, or list of manifests, of an image; None for an image that cannot be read."""
        finished = self._run("inspect", "--raw", *self._tls_options("", image), _source(image))
        if finished.returncode != 0 or not _is_manifest(finished.stdout):
            return None
        return f"sha256:{hashlib.sha256(finished.stdout).hexdigest()}"

    def copy(self, source: str, target: str) -> None:
        """Copy an image with all its architectures; blobs that the target has are not sent again.

        Raises:
            StepError: with what skopeo says.
        """
        tls = [*self._tls_options("src-", source), *self._tls_options("dest-", target)]
        options = ["--all", "--preserve-digests", "--retry-times", "2"]
        finished = self._run("copy", *options, *tls, _source(source), _target(target), limit=COPY_SECONDS)
        if finished.returncode != 0:
            raise StepError(
                f"copy {source}",
                expected=f"skopeo to write {target}",
                seen=_last_lines(finished.stderr),
                next_command=f"skopeo login {target.partition('/')[0]}, then the same command again: it goes on",
            )

    def why_not(self, image: str) -> str:
        """Error of skopeo for an image that cannot be read."""
        finished = self._run("inspect", "--raw", *self._tls_options("", image), _source(image))
        return _last_lines(finished.stderr) or "an answer that is no manifest of an image"

    def _run(self, *arguments: str, limit: float | None = None) -> subprocess.CompletedProcess[bytes]:
        command = [self._program, arguments[0], "--authfile", str(self._logins), *arguments[1:]]
        limit = limit or READ_SECONDS
        try:
            return subprocess.run(command, capture_output=True, check=False, timeout=limit)
        except subprocess.TimeoutExpired as expired:
            errors = (expired.stderr or b"") + f"\nskopeo {arguments[0]} did not end within {limit:g} s".encode()
            return subprocess.CompletedProcess(command, TIMED_OUT, b"", errors)

    def _tls_options(self, side: str, image: str) -> list[str]:
        registry = image.partition("/")[0]
        access = self._registries.get(registry)
        # Hosts reach a registry over plain HTTP as its own mirror.
        is_plain = access and f"http://{registry}" in {url.rstrip("/") for url in access.mirrors}
        if is_plain or is_loopback(registry):
            return [f"--{side}tls-verify=false"]
        return [f"--{side}cert-dir", str(self._scratch / registry)] if access and access.ca_file else []


def _is_manifest(answer: bytes) -> bool:
    """True for a manifest. A portal in front of two registries answers for both with the same page, hence digest."""
    try:
        return "schemaVersion" in json.loads(answer)
    except (ValueError, TypeError):
        return False


def _source(image: str) -> str:
    """The name by which skopeo reads an image: without the tag beside a digest, which skopeo does not take."""
    name, _, digest = image.partition("@")
    return f"docker://{_without_tag(name)}@{digest}" if digest else f"docker://{image}"


def _target(image: str) -> str:
    """The name by which skopeo writes an image: with a tag rather than a digest, so that a registry keeps it."""
    name, _, digest = image.partition("@")
    return f"docker://{name if name != _without_tag(name) or not digest else image}"


def _without_tag(name: str) -> str:
    head, slash, tail = name.rpartition("/")
    return f"{head}{slash}{tail.partition(':')[0]}"


def is_loopback(registry: str) -> bool:
    """True for a registry on this host, which may do without TLS, as for containerd and Docker."""
    host = registry.rpartition(":")[0] or registry
    try:
        return host in LOOPBACK_NAMES or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _logins(settings: Settings, passwords: dict[str, str]) -> dict[str, dict[str, str]]:
    """Logins that `skopeo login`, `podman login` or `docker login` keep in a file; the stack's logins override them."""
    found: dict[str, dict[str, str]] = {}
    for file in _login_files():
        found |= _kept_in(file)
    for name, password in passwords.items():
        found[name] = {"auth": settings.containerd.registries[name].basic_auth(password)}
    return found


def _login_files() -> list[Path]:
    """The files of logins; a later one overrides others: getAuthFilePaths in containers/image, pkg/docker/config."""
    variables = os.environ
    docker = Path(variables.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    lasting = Path(variables.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "containers" / "auth.json"
    # A root without a session of systemd has no such variable, as in a job of CI.
    session = variables.get("XDG_RUNTIME_DIR")
    of_session = Path(session, "containers") if session else RUN / str(os.getuid())
    return [docker, lasting, Path(variables.get("REGISTRY_AUTH_FILE") or of_session / "auth.json")]


def _kept_in(file: Path) -> dict[str, dict[str, str]]:
    """The logins of a file; an empty file has no logins.

    Raises:
        StepError: the file cannot be read.
    """
    try:
        text = file.read_text() if file.exists() else ""
        return dict((json.loads(text or "{}") or {}).get("auths") or {})
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise StepError(
            "read the logins of registries",
            expected=f"{file} as `skopeo login` or `docker login` writes it",
            seen=f"no JSON: {error}" if isinstance(error, json.JSONDecodeError) else type(error).__name__,
            next_command=f"mend {file}, or move it away and log in again",
        ) from None  # it holds passwords


def _last_lines(text: bytes) -> str:
    return "\n".join(text.decode(errors="replace").strip().splitlines()[-3:])
