"""What can be wrong with the bindings that a stack makes for its service accounts and roles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from components.settings import Role, ServiceAccount, Settings
from operations.access.api import Json
from operations.stack.commands import StackCommands
from operations.status._cluster_state import ClusterState
from problem import Problem

Subject = tuple[str, str, str]
"""Kind, namespace and name; users and groups have no namespace."""


@dataclass(frozen=True)
class _Binding:
    """A binding as components/objects/access_rules.py makes it; without a namespace it holds everywhere."""

    owner: str
    namespace: str | None
    name: str
    kind: str
    role: str
    subjects: frozenset[Subject]


def access_problems(state: ClusterState, settings: Settings, commands: StackCommands) -> Iterator[Problem]:
    """Bindings of the stack that someone took away, or gave to others."""
    if state.cluster_bindings is None or state.bindings is None:
        return
    there = {
        (each["metadata"].get("namespace"), each["metadata"]["name"]): each
        for each in state.cluster_bindings + state.bindings
    }
    for wanted in _wanted(settings):
        found = there.get((wanted.namespace, wanted.name))
        seen = _difference(wanted, found)
        if seen:
            yield _problem(wanted, seen, commands)


def _problem(wanted: _Binding, seen: str, commands: StackCommands) -> Problem:
    who = " ".join(_as(subject) for subject in sorted(wanted.subjects)[:1]) or "USER"
    there, option = "in the whole cluster", ""
    if wanted.namespace:
        there, option = f"in {wanted.namespace}", f" --namespace {wanted.namespace}"
    return Problem(
        f"RBAC: {wanted.owner}",
        expected=f"a binding to {wanted.role} {there}",
        seen=seen,
        next_command=f"kubectl auth can-i --list --as {who}{option}; {commands.refresh} makes the binding again",
    )


def _wanted(settings: Settings) -> Iterator[_Binding]:
    for account in settings.access.service_accounts:
        yield from _of_account(account)
    for role in settings.access.roles:
        kind = "Role" if role.namespace else "ClusterRole"
        yield _Binding(f"role {role.name}", role.namespace, role.name, kind, role.name, _subjects_of_role(role))


def _of_account(account: ServiceAccount) -> Iterator[_Binding]:
    owner = f"service account {account.namespace}/{account.name}"
    subjects = frozenset({("ServiceAccount", account.namespace, account.name)})
    if account.cluster_role:
        yield _Binding(owner, None, account.name, "ClusterRole", account.cluster_role, subjects)
    for namespace, role in account.namespace_roles.items():
        yield _Binding(owner, namespace, account.name, "ClusterRole", role, subjects)


def _subjects_of_role(role: Role) -> frozenset[Subject]:
    accounts = (each.partition("/") for each in role.service_accounts)
    return frozenset(
        {
            *(("User", "", name) for name in role.users),
            *(("Group", "", name) for name in role.groups),
            *(("ServiceAccount", namespace, name) for namespace, _, name in accounts),
        }
    )


def _difference(wanted: _Binding, found: Json | None) -> str:
    if found is None or (found["roleRef"]["kind"], found["roleRef"]["name"]) != (wanted.kind, wanted.role):
        return "none; what it asks for is forbidden"
    subjects = {
        (each["kind"], each.get("namespace") or "", each["name"])  # the API server gives no list for none
        for each in found.get("subjects") or []
    }
    without = f"without {_listed(wanted.subjects - subjects)}" if wanted.subjects - subjects else ""
    too = f"for {_listed(subjects - wanted.subjects)} too" if subjects - wanted.subjects else ""
    return f"one {' and '.join(each for each in (without, too) if each)}" if without or too else ""


def _listed(subjects: set[Subject] | frozenset[Subject]) -> str:
    words = {"User": "user", "Group": "group", "ServiceAccount": "service account"}
    return ", ".join(
        f"{words.get(kind, kind)} {namespace}{'/' if namespace else ''}{name}"
        for kind, namespace, name in sorted(subjects)
    )


def _as(subject: Subject) -> str:
    """For `--as`; a group alone is nobody."""
    kind, namespace, name = subject
    if kind == "Group":
        return f"someone --as-group {name}"
    return f"system:serviceaccount:{namespace}:{name}" if kind == "ServiceAccount" else name
