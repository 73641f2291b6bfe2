"""Requests to a cluster's API server with what a kubeconfig holds, and nothing but Python."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import yaml

from local.errors import StepError

ANSWER_SECONDS = 20

Json = dict[str, Any]


class ApiError(StepError):
    """The API server answered with a refusal.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, step: str, *, expected: str, seen: str, next_command: str) -> None:
        super().__init__(step, expected=expected, seen=seen, next_command=next_command)
        self.status = status


@dataclass(frozen=True)
class Api:
    """The API server of a cluster, asked as one user.

    Attributes:
        server: its URL.
        tls: trusts the cluster's authority, and holds the user's certificate if it has one.
        authority: certificate of the cluster's authority, as PEM.
        token: of the user, for one without a certificate.
    """

    server: str
    tls: ssl.SSLContext
    authority: str
    token: str | None

    @classmethod
    def of(cls, kubeconfig: str) -> Self:
        """The cluster and user of a kubeconfig's current context.

        Raises:
            StepError: it is no kubeconfig, or names files and programs instead of holding what is needed.
        """
        try:
            cluster, user = _current(yaml.safe_load(kubeconfig))
            authority = _decoded(cluster["certificate-authority-data"])
            tls = ssl.create_default_context(cadata=authority)
            if "client-certificate-data" in user:
                _load_certificate(tls, user)
                return cls(cluster["server"], tls, authority, None)
            return cls(cluster["server"], tls, authority, user["token"])
        except (yaml.YAMLError, KeyError, TypeError, ValueError, StopIteration, OSError) as error:
            raise StepError(
                "read the kubeconfig",
                expected="server, authority and user of its current context, all in the file itself",
                seen=f"{type(error).__name__}: {error}" if not isinstance(error, yaml.YAMLError) else "no YAML",
                next_command="kubectl config view --flatten --minify --raw writes such a file",
            ) from None  # the text of a parser may repeat a key

    def get(self, path: str, **query: str) -> Json:
        """What is at a path of the API.

        Raises:
            ApiError: refused.
            StepError: no answer.
        """
        answer: Json = json.loads(self._asked("GET", path + (f"?{urlencode(query)}" if query else "")))
        return answer

    def items(self, path: str, **query: str) -> list[Json]:
        """The objects of a list."""
        found: list[Json] = self.get(path, **query)["items"]
        return found

    def text(self, path: str) -> str:
        """What is at a path, as text."""
        return self._asked("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """The answer to an object that is sent to a path."""
        answer: Json = json.loads(self._asked("POST", path, json.dumps(body)))
        return answer

    def _asked(self, method: str, path: str, body: str | None = None) -> str:
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
            raise StepError(
                step,
                expected=f"the API server at {self.server} to answer",
                seen=str(error) or type(error).__name__,
                next_command=f"curl --insecure {self.server}/readyz; crictl ps --name kube-apiserver there",
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise _refusal(answer.status, step, _message(text))
        return text


def _refusal(status: int, step: str, message: str) -> ApiError:
    expected, next_command = "it to succeed", "see what the API server says"
    if status == 401:
        expected, next_command = "the API server to know the user of the kubeconfig", "pulumi up renews admin.conf"
    if status == 403:
        expected = "the user of the kubeconfig to be allowed this"
        next_command = "kubectl auth can-i --list says what it may do; a binding in kubeadm:access gives more"
    return ApiError(status, step, expected=expected, seen=f"{status}: {message}", next_command=next_command)


def _message(text: str) -> str:
    """Of a Status object; other servers behind the API server answer with anything."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:300]


def _current(kubeconfig: Any) -> tuple[Json, Json]:
    named = {
        kind: {each["name"]: each[kind] for each in kubeconfig[f"{kind}s"]} for kind in ("context", "cluster", "user")
    }
    context = named["context"][kubeconfig["current-context"]]
    return named["cluster"][context["cluster"]], named["user"][context["user"]]


def _load_certificate(tls: ssl.SSLContext, user: Json) -> None:
    """Python's TLS reads keys from files only: this one is in a directory of our own, for a moment."""
    with tempfile.TemporaryDirectory() as scratch:
        certificate = Path(scratch) / "user.pem"
        certificate.write_text(_decoded(user["client-certificate-data"]) + "\n" + _decoded(user["client-key-data"]))
        tls.load_cert_chain(certificate)


def _decoded(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()
