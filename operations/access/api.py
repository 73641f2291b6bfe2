"""Requests to the API server of a cluster with the credentials of a kubeconfig, by the standard library alone."""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from components.steps.of_control_plane import PROVIDER
from operations.access._credentials import FLATTEN, credentials, refused
from operations.stack.commands import StackCommands
from problem import StepError

ANSWER_SECONDS = 20
FIRST_WORDS = 60
"""Characters that a problem shows of an answer that is no JSON."""

RENEW = "raise cluster.certificateGeneration by one in the stack file"

Json = dict[str, Any]


class ApiError(StepError):
    """The API server answered with a refusal.

    Attributes:
        status: status code of HTTP.
    """

    def __init__(self, status: int, where: str, *, expected: str, seen: str, next_command: str) -> None:
        super().__init__(where, expected=expected, seen=seen, next_command=next_command)
        self.status = status


class RevokedError(ApiError):
    """The API server refused the user of the stack's kubeconfig, who is cluster-admin until it is revoked."""


@dataclass(frozen=True)
class Api:
    """The API server of a cluster, and the user who sends requests to it.

    Attributes:
        server: URL of the API server.
        tls: TLS settings with the authority of the cluster, and the certificate of a user who has one.
        authority: certificate of the cluster's authority, as PEM.
        token: token of a user without a certificate.
        commands: commands of the stack, for problems.
    """

    server: str
    tls: ssl.SSLContext
    authority: str
    token: str | None = field(repr=False)
    commands: StackCommands

    @classmethod
    def of(cls, kubeconfig: str, commands: StackCommands) -> Self:
        """The cluster and user of a kubeconfig's current context.

        Raises:
            StepError: the text is no kubeconfig, or has files and programs in place of credentials.
        """
        server, authority, user = credentials(kubeconfig, commands)
        try:
            tls = ssl.create_default_context(cadata=authority)
            if "certificate" in user:
                _load_certificate(tls, user)
        except (OSError, ValueError) as error:
            raise refused(f"a certificate or key that is none: {error}", FLATTEN) from None
        return cls(server, tls, authority, user.get("token"), commands)

    def get(self, path: str, **query: str) -> Json:
        """The object at a path of the API.

        Raises:
            ApiError: the API server refused the request.
            StepError: the API server did not answer.
        """
        return self._json("GET", path + (f"?{urlencode(query)}" if query else ""))

    def items(self, path: str, **query: str) -> list[Json]:
        """The objects of a list."""
        answer = self.get(path, **query)
        if not isinstance(answer.get("items"), list):
            raise self._other_answer(f"GET {path}", json.dumps(answer))
        return list(answer["items"])

    def text(self, path: str) -> str:
        """The answer of a path, as text."""
        return self._request("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """The answer to an object that is sent to a path."""
        return self._json("POST", path, json.dumps(body))

    def _json(self, method: str, path: str, body: str | None = None) -> Json:
        text = self._request(method, path, body)
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._other_answer(f"{method} {path.partition('?')[0]}", text)
        return answer

    def _other_answer(self, step: str, text: str) -> StepError:
        """The error for an answer of another server, such as a proxy. It shows too few characters for a secret."""
        return StepError(
            step,
            expected=f"the answer of a Kubernetes API server from {self.server}",
            seen=text[:FIRST_WORDS] or "nothing",
            next_command=f"curl --insecure {self.server}/version says who answers there",
        )

    def _request(self, method: str, path: str, body: str | None = None) -> str:
        step, url = f"{method} {path.partition('?')[0]}", urlsplit(self.server)
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        connection = http.client.HTTPSConnection(
            url.hostname or "", url.port or 443, timeout=ANSWER_SECONDS, context=self.tls
        )
        try:
            connection.request(method, quote(path, safe="/:?&=%.,-_~"), body, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            seen = str(error) or type(error).__name__
            next_command = f"curl --insecure {self.server}/readyz; crictl ps --name kube-apiserver there"
            if "certificate" in seen and "expired" in seen:
                next_command = f"{RENEW}, then {self.commands.up}: it renews all certificates of the control plane"
            raise StepError(
                step, expected=f"the API server at {self.server} to answer", seen=seen, next_command=next_command
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise self._refusal(answer.status, step, _message(text))
        return text

    def _refusal(self, status: int, step: str, message: str) -> ApiError:
        seen = f"{status}: {message}"
        if status == 403 and f'User "{PROVIDER}:' in message:
            return self._revoked(step, seen)
        expected, next_command = "it to succeed", "see what the API server says"
        if status == 401:
            expected = "the API server to know the user of the kubeconfig"
            next_command = (
                f"{self.commands.kubeconfig('USER=...')} makes a new token"
                if self.token
                else f"if its certificate expired: {RENEW}, then {self.commands.up}; a file with an older one:"
                f" {self.commands.kubeconfig()}"
            )
        if status == 403:
            expected = "the user of the kubeconfig to be allowed this"
            next_command = "kubectl auth can-i --list says what it may do; a binding in kubeadm:access gives more"
        return ApiError(status, step, expected=expected, seen=seen, next_command=next_command)

    def _revoked(self, step: str, seen: str) -> RevokedError:
        next_command = (
            f"{self.commands.kubeconfig()} replaces a copy of an older one; where the stack's own was revoked:"
            f" {self.commands.new_kubeconfig}"
        )
        expected = f"the stack's kubeconfig to be of the user whom ClusterRoleBinding {PROVIDER} names"
        return RevokedError(403, step, expected=expected, seen=seen, next_command=next_command)


def _message(text: str) -> str:
    """The message of a Status object, or the answer of another server behind the API server."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:300]


def _load_certificate(tls: ssl.SSLContext, user: Mapping[str, str]) -> None:
    """Load the certificate of a user. Python reads keys from files only: the key is in a private directory then."""
    with tempfile.TemporaryDirectory() as scratch:
        certificate = Path(scratch) / "user.pem"
        certificate.write_text(f"{user['certificate']}\n{user['key']}")
        tls.load_cert_chain(certificate)
