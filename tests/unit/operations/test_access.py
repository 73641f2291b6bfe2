"""Who may do what: what a stack file may say of it, and the objects that it leads to."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import addons
from components.addons import fetching
from components.addons.dashboard import DASHBOARD
from components.objects.namespaces import namespaces
from components.review.addons import refuse_wrong_addons
from components.settings import access as access_settings
from components.settings.stack_file import SettingsError, parse_settings
from local.paths import REPOSITORY
from tests.unit.support.recording import Recording, record, stack_of
from tests.unit.support.stacks import Stack, full, only_problem, smallest

RULES = [{"resources": ["pods"], "verbs": ["get"]}]


@pytest.fixture(autouse=True)
def _no_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")


def recorded(tmp_path: Path, access: Stack | None = None) -> Recording:
    """A run of the program with these access rules."""
    return record(stack_of(tmp_path) | ({"access": access} if access else {}), preview=True)


def bindings(run: Recording) -> set[tuple[str, str, str]]:
    """Kind and name of each binding, its role, and its subjects."""
    return {
        (each.request.type.rpartition(":")[2] + " " + each.name, each.inputs["roleRef"]["name"], names(each.inputs))
        for each in run.resources
        if each.request.type.endswith("Binding")
    }


def names(inputs: dict[str, Any]) -> str:
    """The subjects of a binding."""
    return " ".join(f"{each['kind']}:{each.get('namespace', '')}/{each['name']}" for each in inputs["subjects"])


def test_without_a_word_there_are_the_user_of_the_dashboard_and_one_who_may_only_read(tmp_path: Path) -> None:
    """No rule of the stack reads the secrets of all namespaces, but for admin-user, whom the dashboard asks for."""
    add_ons = {
        *("ServiceAccount:kubernetes-dashboard/kubernetes-dashboard", "ServiceAccount:kube-system/metrics-server"),
    }
    assert {each for each in bindings(recorded(tmp_path)) if each[2] not in add_ons} == {
        ("ClusterRoleBinding admin-user", "cluster-admin", "ServiceAccount:kubernetes-dashboard/admin-user"),
        ("RoleBinding default/reader", "view", "ServiceAccount:default/reader"),
    }


@pytest.mark.parametrize("name", ["dev", "lab"])
def test_the_stacks_of_the_guide_ask_for_its_example_of_a_role(tmp_path: Path, name: str) -> None:
    """Beside the accounts that are there by default."""
    config = yaml.safe_load((REPOSITORY / f"Pulumi.{name}.yaml").read_text())["config"]
    run = recorded(tmp_path, config["kubeadm:access"])
    assert ("ClusterRoleBinding secret-creator", "secret-creator", "User:/secret-operator") in bindings(run)
    assert "ClusterRoleBinding admin-user" in {each[0] for each in bindings(run)}


def test_a_role_in_a_namespace_holds_there_alone_and_its_namespace_is_made(tmp_path: Path) -> None:
    """With users, groups and service accounts."""
    role = {"name": "deployer", "namespace": "ci", "rules": RULES, "users": ["jo"], "groups": ["ops"]}
    run = recorded(tmp_path, {"serviceAccounts": [], "roles": [{**role, "serviceAccounts": ["shop/robot"]}]})
    (found,) = [each for each in run.resources if each.name == "ci/deployer" and each.request.type.endswith(":Role")]
    assert found.inputs["rules"] == [{"apiGroups": [""], **RULES[0]}]
    expected = ("RoleBinding ci/deployer", "deployer", "User:/jo Group:/ops ServiceAccount:shop/robot")
    assert expected in bindings(run)
    namespaces = {each.name: each.request for each in run.resources if each.request.type.endswith(":Namespace")}
    assert namespaces["ci"].retainOnDelete, "what others run in it stays when nothing names it any more"
    assert not namespaces["kubernetes-dashboard"].retainOnDelete


def levels(run: Recording) -> dict[str, tuple[str, str | None]]:
    """Pod Security level and level of warnings by namespace."""
    prefix = "pod-security.kubernetes.io"
    labels = {
        each.name: each.inputs["metadata"]["labels"]
        for each in run.resources
        if each.request.type.endswith(":Namespace")
    }
    return {name: (each[f"{prefix}/enforce"], each.get(f"{prefix}/warn")) for name, each in labels.items()}


def test_who_may_make_pods_in_a_namespace_has_no_machine_by_that(tmp_path: Path) -> None:
    """`edit` would be root on the control plane: by a path of the host, or a privileged container."""
    robot = {"name": "robot", "namespace": "ci", "namespaceRoles": {"own": "edit", "default": "view"}}
    access = {"serviceAccounts": [robot], "podSecurity": {"own": "restricted", "build": "privileged"}}
    assert levels(recorded(tmp_path, access)) == {
        "kubernetes-dashboard": ("baseline", "restricted"),
        "ci": ("baseline", "restricted"),
        "shop": ("baseline", "restricted"),
        "own": ("restricted", "restricted"),
        "build": ("privileged", None),
    }


def test_an_add_on_has_the_level_that_its_pods_need(tmp_path: Path) -> None:
    """The network of a node is forbidden otherwise."""
    stack = full(tmp_path) | {"dashboard": {"metricsScraperHostNetwork": True}}
    labels = {each.name: each.inputs["metadata"]["labels"] for each in namespaces(parse_settings(stack))}
    assert labels["kubernetes-dashboard"] == {"pod-security.kubernetes.io/enforce": "privileged"}


def test_a_namespace_is_not_closed_to_the_pods_of_its_add_on(tmp_path: Path) -> None:
    """An update would wait for pods that the API server refuses; a level that the pods keep to is taken."""
    levels = {"local-path-storage": "baseline", "kubernetes-dashboard": "restricted"}
    stack = full(tmp_path) | {"access": {"podSecurity": levels}}
    refuse_wrong_addons(parse_settings(stack))
    with pytest.raises(SettingsError) as error:
        refuse_wrong_addons(parse_settings(stack | {"localPath": {"enabled": True}}))
    (problem,) = error.value.problems
    assert problem.startswith("access.podSecurity.local-path-storage: pods of the add-on local-path need the level")


def test_namespaces_of_kubernetes_keep_their_level() -> None:
    """kube-system would lose kube-proxy."""
    problem = only_problem(smallest() | {"access": {"podSecurity": {"kube-system": "baseline", "shop": "baseline"}}})
    assert problem.startswith("access: podSecurity is for namespaces of the stack, and kube-system is Kubernetes' own")


def test_an_add_on_in_a_namespace_of_kubernetes_makes_no_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The level that its pods need is not put on the namespace either."""
    in_system = dataclasses.replace(DASHBOARD, namespace="kube-system", pod_security=lambda _: "privileged")
    monkeypatch.setattr(addons, "ADDONS", (in_system,))
    assert "kube-system" not in {each.name for each in namespaces(parse_settings(full(tmp_path)))}


def test_a_token_of_a_service_account_waits_for_the_account_of_its_own_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stack files refuse two accounts of one name, for `make token`; a token does not rely on that."""
    monkeypatch.setattr(access_settings, "Counter", lambda _: Counter[str]())
    accounts = [{"name": "jo", "namespace": where, "longLivedToken": True} for where in ("a", "b")]
    run = recorded(tmp_path, {"serviceAccounts": accounts})
    for where in ("a", "b"):
        (token,) = [each for each in run.resources if each.name == f"{where}/jo-token"]
        waits_for = {urn.rpartition("::")[2] for urn in token.request.dependencies if "ServiceAccount" in urn}
        assert waits_for == {f"cluster/{where}/jo"}


def test_a_token_that_never_expires_is_made_on_request_only_and_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each preview, with what to do instead."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    kind = "kubernetes.io/service-account-token"
    assert not [each for each in recorded(tmp_path).resources if each.inputs.get("type") == kind]
    assert not [each for each in warnings if "never expires" in each]
    account = {"name": "robot", "namespace": "ci", "longLivedToken": True}
    run = recorded(tmp_path, {"serviceAccounts": [account], "roles": []})
    (secret,) = [each for each in run.resources if each.inputs.get("type") == kind]
    assert secret.inputs["metadata"]["annotations"]["kubernetes.io/service-account.name"] == "robot"
    assert "data" in secret.request.additionalSecretOutputs
    assert any("ci/robot" in each and f"make token STACK={pulumi.get_stack()} USER=robot" in each for each in warnings)


@pytest.mark.parametrize(
    "access",
    [
        {"serviceAccounts": [{"name": "jo", "namespace": "a"}, {"name": "jo", "namespace": "b"}]},
        {"serviceAccounts": [{"name": "jo", "clusterRole": "view"}], "roles": [{"name": "jo", "rules": RULES}]},
        {"roles": [{"name": "jo", "namespace": "a", "rules": RULES}, {"name": "jo", "namespace": "a", "rules": RULES}]},
    ],
)
def test_two_of_the_same_name_are_refused(access: Stack) -> None:
    """Their bindings would be one object, or `make token` could not tell them apart."""
    assert "differ from each other, not jo" in only_problem(smallest() | {"access": access})


def test_roles_of_the_same_name_may_be_in_two_namespaces() -> None:
    """They are two objects."""
    roles = [{"name": "jo", "namespace": where, "rules": RULES} for where in ("a", "b")]
    assert parse_settings(smallest() | {"access": {"roles": roles}}).access.namespaces >= {"a", "b"}
