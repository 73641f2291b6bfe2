"""Bindings of service accounts and roles that differ from the stack's."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from components.objects.access_rules import Binding, Subject, bindings
from components.settings import Settings
from operations.access.api import Json
from operations.stack.commands import StackCommands
from operations.status._cluster_state import ClusterState
from problem import Problem


def access_problems(state: ClusterState, settings: Settings, commands: StackCommands) -> Iterator[Problem]:
    """Problems of bindings of the stack that somebody deleted or changed."""
    if state.cluster_bindings is None or state.bindings is None:
        return
    there = {
        (each["metadata"].get("namespace"), each["metadata"]["name"]): each
        for each in state.cluster_bindings + state.bindings
    }
    for wanted in bindings(settings):
        found = there.get((wanted.namespace, wanted.name))
        seen = _difference(wanted, found)
        if seen:
            yield _problem(wanted, seen, commands)


def _problem(wanted: Binding, seen: str, commands: StackCommands) -> Problem:
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


def _difference(wanted: Binding, found: Json | None) -> str:
    if found is None or (found["roleRef"]["kind"], found["roleRef"]["name"]) != (wanted.role_kind, wanted.role):
        return "none: requests of its subjects are forbidden"
    subjects = {
        Subject(each["kind"], each.get("namespace") or "", each["name"])
        for each in found.get("subjects") or []  # the API server has null for an empty list
    }
    missing, surplus = set(wanted.subjects) - subjects, subjects - set(wanted.subjects)
    without = f"without {_listed(missing)}" if missing else ""
    too = f"for {_listed(surplus)} too" if surplus else ""
    return f"a binding {' and '.join(each for each in (without, too) if each)}" if without or too else ""


def _listed(subjects: Collection[Subject]) -> str:
    return ", ".join(map(str, sorted(subjects)))


def _as(subject: Subject) -> str:
    """The value of `--as`; kubectl takes a group only beside a user."""
    if subject.kind == "Group":
        return f"someone --as-group {subject.name}"
    is_account = subject.kind == "ServiceAccount"
    return f"system:serviceaccount:{subject.namespace}:{subject.name}" if is_account else subject.name
