"""`make status` names an API that is registered and that nobody serves."""

from __future__ import annotations

import pytest

from tests.unit.support.recorded_cluster import API_SERVICES, Look, api_service, settings

METRICS = "v1beta1.metrics.k8s.io"


@pytest.mark.parametrize(
    ("reason", "own", "next_command"),
    [
        ("MissingEndpoints", {}, "kubectl --namespace kube-system logs deployment/metrics-server"),
        ("FailedDiscoveryCheck", {}, "metricsServer.hostNetwork: true in the stack file, pulumi up --stack shop"),
        ("FailedDiscoveryCheck", {"hostNetwork": True}, "kubectl --namespace kube-system logs"),
    ],
)
def test_a_metrics_server_that_does_not_answer_is_named(
    look: Look, reason: str, own: dict[str, bool], next_command: str
) -> None:
    """What to do depends on whether its pod is ready, and on its network."""
    look.settings = settings(metricsServer=own)
    look.items(API_SERVICES)[1] = api_service(METRICS, reason, "nobody there")
    printed = look.printed()
    assert "add-on metrics-server: expected the API server to reach it" in printed
    assert f"saw {reason}: nobody there" in printed
    assert next_command in printed
    assert printed.count("Next:") == 1


def test_a_missing_api_of_metrics_server_is_applied_again(look: Look) -> None:
    """Its workload is there."""
    look.items(API_SERVICES).pop()
    printed = look.printed()
    assert f"add-on metrics-server: expected the APIService {METRICS},\n  saw none" in printed
    assert "pulumi up --stack shop --refresh applies it again" in printed


def test_an_api_of_others_that_does_not_answer_is_named(look: Look) -> None:
    """It keeps namespaces from being deleted, whoever made it."""
    look.items(API_SERVICES).append({"metadata": {"name": "v1.example.com"}, "status": {}})
    printed = look.printed()
    assert "API v1.example.com: expected a pod that serves it" in printed
    assert "kubectl describe apiservice v1.example.com" in printed


def test_a_stack_without_metrics_server_does_not_miss_it(look: Look) -> None:
    """Nor its workload."""
    look.settings = settings(metricsServer={"enabled": False})
    look.items(API_SERVICES).pop()
    look.items("/apis/apps/v1/deployments").pop(2)
    look.assert_well()
