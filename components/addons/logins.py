"""Logins of the stack's image registries, with which this computer fetches charts from the same hosts."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

import pulumi

from components.addons.fetching import Source
from components.settings import Registry, Settings
from problem import Problem

Passwords = Callable[[Registry], str | None]
_PASSWORDS: ContextVar[Passwords] = ContextVar("passwords", default=lambda _: None)


def use_passwords(password_of: Passwords) -> None:
    """Set the source of passwords of registries, for later requests; they call it only if a host wants a login."""
    _PASSWORDS.set(password_of)


def source_of(url: str, settings: Settings) -> Source:
    """A file at a URL, with the authority and the login that the stack has for its host.

    A login is for this host alone: a redirect leads on without it. Over plain HTTP no host gets one.

    Raises:
        pulumi.RunError: nobody gave the password.
    """
    registry = settings.containerd.registry_at(url) if url.startswith("https://") else None
    if registry is None:
        return Source(url)
    access = settings.containerd.registries[registry]
    if not access.username:
        return Source(url, ca_file=access.ca_file)
    password = _PASSWORDS.get()(registry)
    if password is None:
        problem = Problem(
            f"fetch {url}",
            expected=f"the password of image registry {registry} as a text",
            seen="none, or one that is known in the middle of an update",
            next_command="give it to `registry_passwords` as a text; or `helm pull` the chart, and set `archive`",
        )
        raise pulumi.RunError(str(problem))
    return Source(url, authorization=f"Basic {access.basic_auth(password)}", ca_file=access.ca_file)
