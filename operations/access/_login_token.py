"""Tokens of service accounts, made by the cluster for a stated time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from components.settings import ServiceAccount, Settings
from operations.access.api import Api
from operations.stack.commands import StackCommands
from problem import StepError

DEFAULT_DURATION = "1h"
SHORTEST_SECONDS = 600
"""The shortest validity that the API server takes: Kubernetes, pkg/apis/authentication/validation, since 1.22."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class LoginToken:
    """A token of a service account, and the end of its validity.

    Attributes:
        token: a secret.
        account: namespace and name.
        until: end of the validity; the API server may choose an earlier one than requested.
    """

    token: str = field(repr=False)
    account: str
    until: datetime

    @property
    def lifetime(self) -> str:
        """Account and validity of the token, as a line for a person; without the token."""
        seconds = round((self.until - datetime.now(UTC)).total_seconds())
        hours, minutes = divmod(round(seconds / 60), 60)
        lasts = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        return f"{self.account}: valid for {lasts}, until {self.until:%Y-%m-%d %H:%M} UTC"


def login_token(api: Api, settings: Settings, user: str, duration: str) -> LoginToken:
    """A new token of a service account of the stack.

    Raises:
        StepError: the stack has no such account, or the duration is invalid.
    """
    account = _account(settings, api.commands, user)
    name = f"{account.namespace}/{account.name}"
    path = f"/api/v1/namespaces/{account.namespace}/serviceaccounts/{account.name}/token"
    answer = api.post(
        path,
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds_of(duration)},
        },
    )
    try:
        granted = answer["status"]
        return LoginToken(granted["token"], name, datetime.fromisoformat(granted["expirationTimestamp"]))
    except (KeyError, TypeError, ValueError):
        next_command = f"kubectl --namespace {account.namespace} create token {account.name}"
        raise StepError(
            f"POST {path}", expected="a token and when it expires", seen="another answer", next_command=next_command
        ) from None  # the answer may hold a token


def seconds_of(duration: str) -> int:
    """Seconds of a duration such as 30m, 1h or 2d.

    Raises:
        StepError: the duration is invalid, or too short.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", duration)
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if seconds < SHORTEST_SECONDS:
        raise StepError(
            "read the duration",
            expected="10m or more, with one of the units s, m, h, d",
            seen=duration,
            next_command=f"DURATION={DEFAULT_DURATION}",
        )
    return seconds


def _account(settings: Settings, commands: StackCommands, user: str) -> ServiceAccount:
    known = settings.access.service_accounts
    for account in known:
        if user in {account.name, f"{account.namespace}/{account.name}"}:
            return account
    raise StepError(
        f"look for the user {user}",
        expected="a service account in kubeadm:access of the stack file",
        seen=", ".join(account.name for account in known) or "none",
        next_command=f"choose one of them with USER=, or add it to serviceAccounts; then {commands.up}",
    )
