"""`make status` names the bindings of a stack that are not as it made them."""

from __future__ import annotations

from typing import Any

import pytest

from operations.status._access_checks import access_problems
from operations.status._cluster_state import ClusterState
from tests.unit.support.recorded_cluster import RBAC, Look, account, binding, settings
from tests.unit.support.stacks import SHOP

READER = "service account default/reader"
SERVICE_ACCOUNT = f"RBAC: {READER}: expected a binding to view in default,\n  saw "
ROLE = "RBAC: role secret-creator: expected a binding to secret-creator in the whole cluster,\n  saw "
USER = {"kind": "User", "name": "secret-operator"}


@pytest.mark.parametrize(
    ("path", "others", "seen", "who"),
    [
        ("rolebindings", [], f"{SERVICE_ACCOUNT}none", "system:serviceaccount:default:reader --namespace default"),
        (
            "rolebindings",
            [binding("reader", "edit", account("default", "reader"), namespace="default")],
            f"{SERVICE_ACCOUNT}none",
            "system:serviceaccount:default:reader --namespace default",
        ),
        (
            "rolebindings",
            [binding("reader", "view", account("default", "robot"), namespace="default")],
            f"{SERVICE_ACCOUNT}a binding without {READER} and for service account default/robot too",
            "system:serviceaccount:default:reader --namespace default",
        ),
        ("clusterrolebindings", [], f"{ROLE}none", "secret-operator"),
        ("clusterrolebindings", [binding("secret-creator", "view", USER)], f"{ROLE}none", "secret-operator"),
        (
            "clusterrolebindings",
            [binding("secret-creator", "secret-creator")],
            f"{ROLE}a binding without user secret-operator",
            "secret-operator",
        ),
        (
            "clusterrolebindings",
            [binding("secret-creator", "secret-creator", USER, {"kind": "Group", "name": "team"})],
            f"{ROLE}a binding for group team too",
            "secret-operator",
        ),
    ],
)
def test_a_binding_that_is_not_the_stacks_is_named(
    look: Look, path: str, others: list[dict[str, Any]], seen: str, who: str
) -> None:
    """Taken away, to another role, or for others: of service accounts and of roles."""
    bindings = look.items(f"{RBAC}/{path}")
    bindings[:] = [each for each in bindings if each["metadata"]["name"] == "admin-user"] + others
    printed = look.printed()
    assert seen in printed
    assert f"kubectl auth can-i --list --as {who}; pulumi up --stack shop --refresh" in printed


def test_a_role_in_a_namespace_is_bound_there_to_all_that_have_it() -> None:
    """Users, groups and service accounts."""
    role: dict[str, Any] = {
        "name": "deployer",
        "namespace": "shop",
        "rules": [{"resources": ["pods"], "verbs": ["get"]}],
    }
    stack = settings(
        access={"serviceAccounts": [], "roles": [role | {"groups": ["team"], "serviceAccounts": ["ci/robot"]}]}
    )
    subjects = [{"kind": "Group", "name": "team"}, account("ci", "robot")]
    made = binding("deployer", "deployer", *subjects, namespace="shop")
    made["roleRef"]["kind"] = "Role"
    assert list(access_problems(ClusterState(cluster_bindings=[], bindings=[made]), stack, SHOP)) == []
    made["subjects"] = None
    (problem,) = access_problems(ClusterState(cluster_bindings=[], bindings=[made]), stack, SHOP)
    assert problem.seen == "a binding without group team, service account ci/robot"
    assert problem.next_command.startswith("kubectl auth can-i --list --as someone --as-group team --namespace shop")
