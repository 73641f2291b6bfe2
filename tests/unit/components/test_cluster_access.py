"""The way into the cluster: the kubeconfig that is checked, and errors of objects that are explained."""

from __future__ import annotations

import traceback
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components import cluster_access
from components.cluster_access import checked_kubeconfig


@pytest.mark.parametrize("content", ["", "clusters: []", "not a mapping", "users: []"])
def test_a_kubeconfig_without_a_cluster_is_refused(content: str) -> None:
    """The provider would silently take the operator's own one."""
    with pytest.raises(pulumi.RunError, match="without clusters"):
        checked_kubeconfig(content)


KUBECONFIG = "clusters:\n- cluster: {server: x%s}\nusers:\n- user: {client-key-data: canary%s}\n"


@pytest.mark.parametrize(
    ("of_cluster", "of_user", "seen"),
    [
        ("", ", exec: {command: sh}", "exec"),
        ("", ", tokenFile: /etc/shadow", "tokenFile"),
        ("", ", <<: {auth-provider: {name: gcp}}", "auth-provider"),
        (", proxy-url: http://192.0.2.9", "", "proxy-url"),
    ],
)
def test_a_kubeconfig_that_runs_programs_here_is_refused(of_cluster: str, of_user: str, seen: str) -> None:
    """Else a control plane in foreign hands would run them as whoever runs Pulumi."""
    assert checked_kubeconfig(KUBECONFIG % ("", "")) == KUBECONFIG % ("", "")
    with pytest.raises(pulumi.RunError, match=f"saw entries of others: {seen}\n") as error:
        checked_kubeconfig(KUBECONFIG % (of_cluster, of_user))
    assert "canary" not in str(error.value)


LONG = f"resource urn:pulumi:{'x' * 300} was not successfully created by the Kubernetes API server: "


@pytest.mark.parametrize(
    ("seen", "mended"),
    [
        ('Apply failed with 1 conflict: conflict with "operator" using v1: .spec.a', "leave the field to its owner"),
        ('namespaces "web" not found', "its level in access.podSecurity"),
        ('no matches for kind "Issuer" in version "cert-manager.io/v1"', "an add-on with the definition"),
        ('failed calling webhook "a.example.com": connection refused', "once the pod behind the webhook is Ready"),
    ],
)
def test_a_refusal_of_the_api_is_shown_with_its_end(monkeypatch: pytest.MonkeyPatch, seen: str, mended: str) -> None:
    """The text of the provider before it is longer than what is shown, and status knows nothing of an absent object."""
    messages: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", messages.append)
    hooks: list[Any] = []
    monkeypatch.setattr(pulumi, "ErrorHook", lambda _, callback: hooks.append(callback))
    cluster_access.explain_failures("x")
    hooks[0](SimpleNamespace(name="Issuer:web/a", errors=[f"{LONG}{seen}"]))
    (message,) = messages
    assert f"saw {seen}\n" in message
    assert mended in message


def test_an_object_that_the_cluster_does_not_run_is_explained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others fail for the same reason, and Pulumi lists them."""
    messages: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", messages.append)
    monkeypatch.setattr(pulumi, "get_stack", lambda: "shop")
    hooks: list[Any] = []
    monkeypatch.setattr(pulumi, "ErrorHook", lambda _, callback: hooks.append(callback))
    cluster_access.explain_failures("x")
    for name in ("Deployment:web", "Deployment:other"):
        assert hooks[0](SimpleNamespace(name=name, errors=["ImagePullBackOff"])) is False
    (message,) = messages
    assert message.startswith("Deployment:web: expected the cluster to take and run it,\n  saw ImagePullBackOff\n")
    assert message.endswith("Next: make status STACK=shop, which names what is wrong and what to do")


@pytest.mark.parametrize("content", ["client-key-data: canary: canary\n", "users: [canary\n", "canary", "", "- canary"])
def test_a_kubeconfig_that_is_none_is_refused_without_its_text(content: str) -> None:
    """A parser's error repeats the line, in which there may be a key."""
    with pytest.raises(pulumi.RunError, match="expected the stack's kubeconfig") as error:
        cluster_access.checked_kubeconfig(content)
    shown = "".join(traceback.format_exception(error.value))
    assert "canary" not in shown
