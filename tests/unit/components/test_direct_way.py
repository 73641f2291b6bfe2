"""A warning names the proxy of the shell that runs Pulumi where requests to the API server go through it."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from components.review.direct_way import proxy_warning
from components.settings.stack_file import parse_settings
from problem import Problem
from tests.unit.support.recording import record, stack_of
from tests.unit.support.several import several
from tests.unit.support.stacks import Stack, smallest

PROXY = "http://proxy.example.com:3128"


def warned(variables: dict[str, str], stack: Stack | None = None) -> Problem | None:
    """The warning about the API server of the first control plane, or the load balancer, of a stack."""
    settings = parse_settings(stack or smallest())
    return proxy_warning(settings.control_planes[0], settings, variables)


@pytest.mark.parametrize(
    "excepted", ["*", "192.0.2.11", "a,192.0.2.0/24", "192.0.2.11:6443", " 192.0.2.11 ,x", "192.0.2.11/32"]
)
def test_no_proxy_may_except_the_api_server(excepted: str) -> None:
    """By its address, or by a network."""
    assert warned({"HTTPS_PROXY": PROXY, "NO_PROXY": excepted}) is None
    assert warned({"https_proxy": PROXY, "no_proxy": excepted}) is None


@pytest.mark.parametrize("excepted", ["", "localhost,127.0.0.1", "192.0.2.1", "198.51.100.0/24", ".example.com"])
def test_a_proxy_on_the_way_to_the_api_server_is_warned_of(excepted: str) -> None:
    """Most know no machine of a stack. The address of the proxy may have a password, and is not shown."""
    secret = PROXY.replace("//", "//me:canary@")
    warning = str(warned({"HTTPS_PROXY": secret, "NO_PROXY": excepted}))
    assert "expected the API server at 192.0.2.11 to be reached directly" in warning
    assert "Next: export NO_PROXY=$NO_PROXY,192.0.2.11;" in warning
    assert "canary" not in warning
    assert warned({"HTTP_PROXY": PROXY}) is None, "the API is asked by https"


@pytest.mark.parametrize(("excepted", "is_fine"), [(".example.com", True), ("example.com", True), ("ample.com", False)])
def test_a_load_balancer_is_excepted_by_its_domain(excepted: str, is_fine: bool) -> None:
    """And not by the end of its name."""
    stack = smallest()
    stack["cluster"]["controlPlaneEndpoint"] = "k8s.example.com:6443"
    found = warned({"HTTPS_PROXY": PROXY, "NO_PROXY": excepted}, stack)
    assert (found is None) == is_fine


def test_each_preview_has_the_warning(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the update has made a cluster that it does not reach."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "")
    record(stack_of(directory), preview=True)
    assert [text for text in warnings if text.startswith("HTTPS_PROXY: ")]


def test_the_warning_is_about_the_control_plane_that_is_asked(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leader, which another order of the lines does not change."""
    before = record(several(directory, "node1 node2 node3"), preview=False)
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "")
    record(several(directory, "node3 node2 node1"), preview=True, before=before)
    (warning,) = [text for text in warnings if text.startswith("HTTPS_PROXY: ")]
    assert "the API server at 192.0.2.11 to be reached" in warning
