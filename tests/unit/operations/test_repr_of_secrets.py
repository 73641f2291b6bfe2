"""A traceback, a debugger and an assertion show the repr of objects: no secret is in it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations.access._login_token import LoginToken
from operations.access.api import Api
from operations.preview._github import PullRequest
from operations.preview._preview import Selection
from operations.stack.stacks import SelectedStack
from tests.unit.support.stacks import SHOP

ENVIRONMENT = {"PULUMI_CONFIG_PASSPHRASE": "canary"}


@pytest.mark.parametrize(
    "holder",
    [
        LoginToken("canary", "default/reader", datetime(2026, 1, 1, tzinfo=UTC)),
        Api("https://192.0.2.11:6443", ssl.create_default_context(), "", "canary", SHOP),
        PullRequest("https://api.example.com", "https://api.example.com/graphql", "example/shop", 7, "canary"),
        SelectedStack("shop", Path("Pulumi.shop.yaml"), ENVIRONMENT),
        Selection(Path(), "shop", Path("Pulumi.shop.yaml"), ENVIRONMENT),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_a_secret_is_not_in_the_repr_of_what_holds_it(holder: object) -> None:
    """Tokens, and the passphrase in the environment of Pulumi."""
    assert "canary" not in repr(holder)
