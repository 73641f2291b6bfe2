"""Credentials in a kubeconfig: server, authority and user of its current context."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import urlsplit

import yaml

from operations.stack.commands import StackCommands
from problem import StepError

Entry = dict[str, Any]

FLATTEN = "kubectl config view --flatten --minify --raw writes such a file"
OURS = "{ours} writes such a file"

ELSEWHERE = {
    "insecure-skip-tls-verify": (
        "insecure-skip-tls-verify and no authority: whoever answers would get what the user has",
        "kubectl config set-cluster NAME --embed-certs --certificate-authority=FILE, of /etc/kubernetes/pki/ca.crt",
    ),
    "certificate-authority": ("the authority in another file", FLATTEN),
    "exec": ("a program that logs the user in (exec), which is not run", OURS),
    "auth-provider": ("a plugin that logs the user in (auth-provider), which is not there", OURS),
    "tokenFile": ("the token in another file (tokenFile)", f"write it into the kubeconfig as token: ; or {OURS}"),
    "client-certificate": ("the user's certificate in another file", FLATTEN),
    "client-key": ("the user's key in another file", FLATTEN),
    "username": ("a password, which Kubernetes takes no more", OURS),
}
"""Entries of a cluster or user that operations cannot use, and the next command; {ours} is `make kubeconfig`."""


def credentials(kubeconfig: str, commands: StackCommands) -> tuple[str, str, Entry]:
    """Server, authority as PEM, and user, which has a token, or a certificate with its key, both as PEM.

    Raises:
        StepError: the text is no kubeconfig, or has files and programs in place of credentials.
    """
    try:
        cluster, user = _current(yaml.safe_load(kubeconfig))
        if not cluster.get("certificate-authority-data"):  # without it Python trusts the authorities of this host
            raise _held_elsewhere(cluster, "certificate-authority-data", commands)
        return _server(cluster["server"]), _decoded(cluster["certificate-authority-data"]), _user(user, commands)
    except (yaml.YAMLError, LookupError, AttributeError, TypeError, ValueError) as error:
        # The text of a parser may repeat a key.
        seen = "no YAML" if isinstance(error, yaml.YAMLError) else f"{type(error).__name__}: {error}"
        raise refused(f"no {error}" if isinstance(error, KeyError) else seen, FLATTEN) from None


def refused(seen: str, next_command: str) -> StepError:
    """A kubeconfig that cannot be used."""
    expected = "server, authority and user of its current context, all in the file itself"
    return StepError("read the kubeconfig", expected=expected, seen=seen, next_command=next_command)


def _current(kubeconfig: Any) -> tuple[Entry, Entry]:
    named = {
        kind: {each["name"]: each[kind] for each in kubeconfig[f"{kind}s"]} for kind in ("context", "cluster", "user")
    }
    context = named["context"][kubeconfig["current-context"]]
    return named["cluster"][context["cluster"]] or {}, named["user"][context["user"]] or {}


def _user(user: Entry, commands: StackCommands) -> Entry:
    if user.get("client-certificate-data") and user.get("client-key-data"):
        return {name: _decoded(user[f"client-{name}-data"]) for name in ("certificate", "key")}
    if not user.get("token"):
        raise _held_elsewhere(user, "token or client certificate", commands)
    token = str(user["token"]).strip()
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise refused("a token that holds blanks or other than ASCII", _advice(OURS, commands))
    return {"token": token}


def _held_elsewhere(entry: Entry, wanted: str, commands: StackCommands) -> StepError:
    words = (words for name, words in ELSEWHERE.items() if entry.get(name))
    seen, advice = next(words, (f"no {wanted}", FLATTEN))
    return refused(seen, _advice(advice, commands))


def _advice(text: str, commands: StackCommands) -> str:
    return text.replace("{ours}", commands.kubeconfig("FILE=..."))


def _server(server: str) -> str:
    """Check the URL as http.client reads it: an invalid port or host name is refused here.

    Raises:
        ValueError: the URL is no address of an API server.
    """
    url = urlsplit(server)
    if url.scheme != "https" or not url.hostname or not re.fullmatch(r"[\w.:%-]+", url.hostname):
        raise ValueError(f"server {server!r} is no https://HOST:PORT")
    url.hostname.encode("idna")
    _ = url.port
    return server


def _decoded(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()
