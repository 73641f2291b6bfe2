"""Headlamp shows what the token of whoever logs in may read, and may do nothing by itself; by a stand-in."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from tests.add_ons.machines import ADD_ONS, AddOnCluster, soon

HEADLAMP = "headlamp"
PLAN = (
    "add-on dashboard: is removed",
    "binding in the whole cluster admin-user: is deleted",
    "add-on headlamp: is applied",
)


def request_as(url: str, token: str | None = None, sent: object = None) -> tuple[int, str]:
    """Status and text of an answer to a person with a token."""
    given = {"Authorization": f"Bearer {token}"} if token else {}
    body = None if sent is None else json.dumps(sent).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **given})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def rights(live: AddOnCluster, account: str) -> set[str]:
    """Resources of which an account of Headlamp's namespace may do anything."""
    user = f"system:serviceaccount:{HEADLAMP}:{account}"
    printed = live.kubectl("auth", "can-i", "--list", "--no-headers", "--namespace", HEADLAMP, "--as", user)
    return {line.split()[0] for line in printed.splitlines() if not line.startswith(" ")}


def test_headlamp_shows_what_the_token_of_a_person_may_see(live: AddOnCluster) -> None:
    """In place of the dashboard of the guide, whose account that may do everything goes with it."""
    live.set(dashboard={"kind": HEADLAMP, "image": live.image_of_headlamp})
    plan = live.plan()
    assert [line for line in PLAN if line not in plan] == []
    live.up()
    live.up("--expect-no-changes")
    (deployment,) = live.get("deployments", "--namespace", HEADLAMP)["items"]
    assert deployment["status"]["readyReplicas"] == 1
    assert "kubernetes-dashboard" not in live.kubectl("get", "namespaces", "--output", "name")
    assert "admin-user" not in live.kubectl("get", "clusterrolebindings,serviceaccounts", "--output", "name")
    container = {"name": "probe", "image": live.image_of_probe}
    live.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "seen"}, "spec": {"containers": [container]}})
    with live.forwarded(HEADLAMP, HEADLAMP) as address:
        shown(address, live.operation("token", ADD_ONS.name, "reader").strip())
    live.kubectl("delete", "pod", "seen", "--grace-period", "1")
    soon(lambda: "all is well" in live.operation("status", ADD_ONS.name))


def shown(address: str, reader: str) -> None:
    """What Headlamp passes on of the API server to `reader`, who has the role view in `default`, and to others."""
    namespaces = f"{address}/clusters/main/api/v1/namespaces"
    pods = f"{namespaces}/default/pods"
    assert request_as(address)[0] == 200
    status, text = request_as(pods)
    assert status == 403
    assert 'User \\"system:anonymous\\" cannot list' in text, "not Headlamp's own account"
    assert request_as(pods, "wrong")[0] == 401
    status, text = request_as(pods, reader)
    assert status == 200
    assert "seen" in [pod["metadata"]["name"] for pod in json.loads(text)["items"]]
    configuration = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "written"}}
    for refused, sent in {
        f"{namespaces}/default/secrets": None,
        f"{namespaces}/kube-system/pods": None,
        f"{namespaces}/default/configmaps": configuration,
    }.items():
        status, text = request_as(refused, reader, sent)
        assert status == 403, refused
        assert 'User \\"system:serviceaccount:default:reader\\" cannot' in text, text


def test_headlamp_itself_may_nothing_and_goes_with_its_namespace(live: AddOnCluster) -> None:
    """Nothing but to ask who it is, which everybody may."""
    found = rights(live, HEADLAMP)
    assert found == {each for each in found if each.startswith("selfsubject")} != set()
    live.set(dashboard={"kind": "none"})
    assert "add-on headlamp: is removed" in live.plan()
    live.up()
    live.up("--expect-no-changes")
    assert HEADLAMP not in live.kubectl("get", "namespaces", "--output", "name")
