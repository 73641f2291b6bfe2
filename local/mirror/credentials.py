"""Credentials of the mirror's image registry: certificates and a password."""

from __future__ import annotations

import secrets
from pathlib import Path

from local.commands import run, succeeds
from local.debian import install_packages
from local.environment import MIRROR_HOST_NAME, Environment
from local.files import write_whole

USER = "puller"
VALID_DAYS = 3650
RENEWED_SECONDS = 7 * 24 * 3600
"""Remaining validity below which a certificate is renewed."""


class Credentials:
    """Certificates and password of the mirror of one environment, in files of mode 0600 that are made when missing."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.directory = environment.directory / "mirror"
        self.authority = self.directory / "ca.pem"
        self._certificate = self.directory / "server.pem"
        self._password = self.directory / "password"

    @property
    def password(self) -> str:
        """The password of USER, in clear."""
        return self._password.read_text()

    def ensure(self) -> None:
        """Create missing files and expired certificates.

        Raises:
            StepError: openssl or htpasswd failed.
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (_is_valid(self.authority) and _is_valid(self._certificate)):
            self._make_certificates()
        if not self._password.exists():
            write_whole(self._password, secrets.token_urlsafe(24), mode=0o600)
        hashed = self.directory / "htpasswd"
        if not hashed.exists() or hashed.stat().st_mtime_ns < self._password.stat().st_mtime_ns:
            write_whole(hashed, _bcrypt(self.password), mode=0o600)

    def _make_certificates(self) -> None:
        names = f"subjectAltName=DNS:{MIRROR_HOST_NAME},IP:{self._environment.mirror_address}"
        authority_key = self.directory / "ca.key"
        of_authority = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
        self._request(self.authority, authority_key, "Local mirror", *of_authority)
        signed: list[str | Path] = ["-CA", self.authority, "-CAkey", authority_key]
        of_server = (names, "basicConstraints=CA:FALSE", "extendedKeyUsage=serverAuth")
        self._request(self._certificate, self.directory / "server.key", MIRROR_HOST_NAME, *of_server, signed=signed)

    def _request(
        self, certificate: Path, key: Path, name: str, *extensions: str, signed: list[str | Path] | None = None
    ) -> None:
        unfinished = certificate.with_suffix(".unfinished")
        key.unlink(missing_ok=True)
        run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-config", "/dev/null", "-subj", f"/CN={name}", "-days", str(VALID_DAYS)),
                *(argument for extension in extensions for argument in ("-addext", extension)),
                *(signed or []),
                *("-keyout", key, "-out", unfinished),
            ],
            step=f"make the certificate of {name}",
            log="mirror",
        )
        key.chmod(0o600)
        unfinished.rename(certificate)


def _is_valid(certificate: Path) -> bool:
    check: list[str | Path] = ["openssl", "x509", "-noout", "-checkend", str(RENEWED_SECONDS), "-in", certificate]
    return certificate.exists() and succeeds(check)


def _bcrypt(password: str) -> str:
    install_packages(["apache2-utils"], why="to hash the image registry's password")
    command = ["htpasswd", "-n", "-i", "-B", USER]
    return run(command, step="hash the image registry's password", log="mirror", standard_input=password)
