"""Charts of OCI registries: the manifest of a version names the archive, one of its layers, by its digest."""

from __future__ import annotations

import hashlib
import json
import re
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

import pulumi

from components.addons.fetching import Source, answer_of, check_digest, refuse
from components.addons.logins import source_of
from components.settings import Settings
from components.settings.packages import server_of

SCHEME = "oci://"
MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
ARCHIVES = {"application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"}
"""Types of a layer that is the archive of a chart; Helm before 3.7 wrote the second."""


def layer(address: str, sha256: str, settings: Settings) -> Source:
    """The archive of a chart, by an address such as `oci://hub.example.com/charts/shop:1.2.3`.

    Args:
        address: registry, path and version; a registry has `_` for a `+` of the version, as Helm writes it.
        sha256: the wanted SHA-256 of the archive.
        settings: what the stack says of the registry.

    Raises:
        pulumi.RunError: the registry lacks the archive, has another one, or refuses it.
    """
    registry, _, rest = address.removeprefix(SCHEME).partition("/")
    path, _, version = rest.rpartition(":")
    below = f"{_server(registry, settings)}/v2/{path}"
    named = source_of(f"{below}/manifests/{version.replace('+', '_')}", settings)._replace(accept=MANIFESTS)
    manifest = named._replace(authorization="")  # the registry then answers how to log in
    try:
        try:
            content = answer_of(manifest)
        except pulumi.RunError as error:
            manifest = named._replace(authorization=_authorization(error, named, path))
            content = answer_of(manifest)
    except pulumi.RunError as error:
        _explain(error, address)
        raise
    digest = _digest(content, address)
    if sha256 == hashlib.sha256(content).hexdigest():
        refuse(
            address,
            "in sha256 the digest of the archive of the chart",
            "that of its manifest, which `helm pull` prints as Digest",
            f"set sha256 to {digest}, which `sha256sum` prints of the archive that `helm pull` writes",
        )
    check_digest(digest, sha256, address)
    return manifest._replace(url=f"{below}/blobs/sha256:{digest}", accept="*/*")


def _server(registry: str, settings: Settings) -> str:
    """The URL of a registry: plain HTTP if the stack names this URL as a mirror of the registry itself."""
    access, plain = settings.containerd.registries.get(registry), f"http://{registry}"
    return plain if access and plain in {each.rstrip("/") for each in access.mirrors} else server_of(registry)


def _authorization(error: pulumi.RunError, named: Source, path: str) -> str:
    """The header with which a registry gives a chart: the login of the stack, or a token of the server that it names.

    Raises:
        pulumi.RunError: the same error, if no login would help; the token server gives no token.
    """
    refusal = error.__cause__
    if not isinstance(refusal, HTTPError) or refusal.code != HTTPStatus.UNAUTHORIZED:
        raise error
    if urlsplit(refusal.url)[:2] != urlsplit(named.url)[:2]:  # refused by the server of a redirect
        raise error
    challenges = " ".join(refusal.headers.get_all("WWW-Authenticate") or ())
    found = re.search(r'\bBearer +((?:\w+="[^"]*"[, ]*)+)', challenges, re.IGNORECASE)
    if not found:
        return named.authorization
    fields = dict(re.findall(r'(\w+)="([^"]*)"', found[1]))
    realm = fields.get("realm", "")
    if not realm.startswith("https://"):
        raise error
    service = {"service": fields["service"]} if "service" in fields else {}
    query = urlencode({"scope": f"repository:{path}:pull", **service})
    answer = answer_of(named._replace(url=f"{realm}{'&' if '?' in realm else '?'}{query}", accept="application/json"))
    try:
        token = json.loads(answer)
        return "Bearer " + re.fullmatch("[!-~]+", token.get("token") or token["access_token"])[0]  # type: ignore[index]
    except (ValueError, AttributeError, KeyError, TypeError):
        refuse(realm, "a token for who pulls the chart", "something else", "`helm pull` it, and set `archive`")


def _explain(error: pulumi.RunError, address: str) -> None:
    """Raise an error with the setting to correct, if the registry answered that it refuses the chart."""
    code = getattr(error.__cause__, "code", None)
    if code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        registry = address.removeprefix(SCHEME).partition("/")[0]
        refuse(
            address,
            "a version of a chart that the registry gives",
            str(error.__cause__),
            f"correct `repository`, `name` or `version`; one that needs a login: `username` of {registry} in"
            " containerd.registries, and its password",
        )


def _digest(manifest: bytes, address: str) -> str:
    """The SHA-256 of the archive, in hexadecimal digits, by the manifest of its version."""
    try:
        layers = json.loads(manifest)["layers"]
        (digest,) = [each["digest"] for each in layers if each["mediaType"] in ARCHIVES]
        return re.fullmatch("sha256:([0-9a-f]{64})", digest)[1]  # type: ignore[index]
    except (ValueError, KeyError, TypeError):
        refuse(
            address,
            "the manifest of a chart, with one layer that is its archive",
            "another one, as of an image",
            "correct `repository` and `name`; the chart is at repository/name",
        )
