"""State of a cluster, read once from the API server; a refused request is a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.addons.dashboard import NAMESPACE as DASHBOARD
from operations.access.api import Api, ApiError, Json, RevokedError
from problem import Problem, StepError

SCRAPER_PROXY = f"/api/v1/namespaces/{DASHBOARD}/services/http:dashboard-metrics-scraper:8000/proxy/"
UNREACHABLE = {502, 503, 504}
"""Statuses of a request through the API server that found no pod behind the service, or did not reach the pod."""

NOT_ALLOWED = "cannot get resource"
"""Words of the API server for a request that it refuses itself. A pod may answer with the same status."""
PROXY = "RBAC: requests to pods through the API server"


@dataclass(frozen=True)
class ClusterState:
    """Objects of a cluster as the API server gives them; None where it did not.

    Attributes:
        scraper_failure: what the API server says when it cannot reach the dashboard's metrics scraper.
        dns_failures: errors of the API server for Ready pods of CoreDNS, by their nodes; empty for a pod that answers.
        kube_proxy: its configuration; empty where its ConfigMap holds none.
        refusals: requests that were refused or not answered, as problems.
    """

    nodes: list[Json] | None = None
    pods: list[Json] | None = None
    events: list[Json] | None = None
    daemon_sets: list[Json] | None = None
    deployments: list[Json] | None = None
    stateful_sets: list[Json] | None = None
    api_services: list[Json] | None = None
    cluster_bindings: list[Json] | None = None
    bindings: list[Json] | None = None
    kube_proxy: str | None = None
    scraper_failure: str = ""
    dns_failures: Mapping[str, list[str]] = field(default_factory=dict)
    refusals: list[Problem] = field(default_factory=list)


def cluster_state(api: Api, *, with_dashboard: bool) -> ClusterState:
    """The state of a cluster. A failed request leaves out its own objects only.

    Raises:
        StepError: the API server is not ready, does not know the user, or the user was revoked.
    """
    api.text("/readyz")
    refusals: list[Problem] = []

    def items(path: str, **query: str) -> list[Json] | None:
        try:
            return api.items(path, **query)
        except RevokedError:
            raise  # no other request would be answered
        except StepError as error:
            refusals.append(_explained(error))
            return None

    rbac = "/apis/rbac.authorization.k8s.io/v1"
    kube_proxy = items("/api/v1/namespaces/kube-system/configmaps", fieldSelector="metadata.name=kube-proxy")
    pods = items("/api/v1/pods")
    scraper_failure = _failure(api, SCRAPER_PROXY, refusals) if with_dashboard else ""
    return ClusterState(
        nodes=items("/api/v1/nodes"),
        pods=pods,
        events=items("/api/v1/events", fieldSelector="type=Warning"),
        daemon_sets=items("/apis/apps/v1/daemonsets"),
        deployments=items("/apis/apps/v1/deployments"),
        stateful_sets=items("/apis/apps/v1/statefulsets"),
        api_services=items("/apis/apiregistration.k8s.io/v1/apiservices"),
        cluster_bindings=items(f"{rbac}/clusterrolebindings"),
        bindings=items(f"{rbac}/rolebindings"),
        kube_proxy=None if kube_proxy is None else _configuration_of_kube_proxy(kube_proxy),
        scraper_failure=scraper_failure,
        dns_failures=_dns_failures(api, pods, refusals),
        refusals=refusals,
    )


def _configuration_of_kube_proxy(found: list[Json]) -> str:
    """The content of kube-proxy's ConfigMap; empty without it: kube-proxy runs on, and no node joins."""
    return str((found[0].get("data") or {}).get("config.conf", "")) if found else ""


def _dns_failures(api: Api, pods: list[Json] | None, refusals: list[Problem]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pod in filter(_is_ready_dns, pods or []):
        path = f"/api/v1/namespaces/kube-system/pods/http:{pod['metadata']['name']}:8080/proxy/health"
        found.setdefault(pod["spec"]["nodeName"], []).append(_failure(api, path, refusals))
    return found


def _is_ready_dns(pod: Json) -> bool:
    is_dns = (pod["metadata"].get("labels") or {}).get("k8s-app") == "kube-dns"
    containers = pod["status"].get("containerStatuses") or [{}]
    return is_dns and pod["status"].get("phase") == "Running" and all(each.get("ready") for each in containers)


def _failure(api: Api, path: str, refusals: list[Problem]) -> str:
    """Error of the API server for a pod that it does not reach; empty where the pod answers, with any status.

    A refusal by the API server itself says nothing about the pod: it is one problem for all pods.
    """
    try:
        api.text(path)
    except ApiError as error:
        if error.status == 403 and NOT_ALLOWED in error.problem.seen and PROXY not in {each.where for each in refusals}:
            refusals.append(_of_proxy(error.problem.seen))
        return error.problem.seen if error.status in UNREACHABLE else ""
    except StepError as error:  # other requests are answered: only the pod is not reached
        return error.problem.seen
    return ""


def _of_proxy(seen: str) -> Problem:
    return Problem(
        PROXY,
        expected="the user of the kubeconfig to be allowed them: nobody else says whether the pod network reaches pods",
        seen=seen,
        next_command="kubectl auth can-i get pods/proxy --namespace kube-system; use the kubeconfig of the stack",
    )


def _explained(error: StepError) -> Problem:
    if not isinstance(error, ApiError) or error.status != 403:
        return error.problem
    resource = error.problem.where.rpartition("/")[2]
    return Problem(
        f"RBAC: {error.problem.where}",
        expected=f"the user of the kubeconfig to be allowed to list {resource}",
        seen=error.problem.seen,
        next_command=f"kubectl auth can-i list {resource} --all-namespaces; give the role in kubeadm:access of the"
        " stack file, or use the kubeconfig of the stack",
    )
