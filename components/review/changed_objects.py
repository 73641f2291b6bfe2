"""Changes of Kubernetes objects, as lines of the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.addons import ADDONS
from components.addons.manifests import object_inputs, object_name
from components.objects.namespaces import POD_SECURITY, namespace_labels
from components.steps.wanted import Wanted


def label_changes(wanted: Wanted) -> Iterator[str]:
    """A line for each node whose labels change; no node restarts."""
    for host in wanted.settings.hosts.values():
        before = _labels_of(wanted.last.objects.get(("NodePatch", host.name), {}))
        after = {} if host.gone else dict(host.labels)
        is_node = wanted.last.is_member(host.name) or host.role == "control-plane"
        changes = [
            *(f"{name}={value}" for name, value in after.items() if before.get(name) != value),
            *(f"without {name}" for name in before if name not in after),
        ]
        if changes and is_node and wanted.last.steps and not host.gone:
            yield f"{host.name}: labels change: {', '.join(changes)}; nothing restarts"


def namespace_changes(wanted: Wanted) -> Iterator[str]:
    """A line for each namespace whose Pod Security level changes; pods that run are not asked again."""
    for name, labels in namespace_labels(wanted.settings).items():
        recorded = wanted.last.objects.get(("Namespace", name))
        before, after = (each.get(f"{POD_SECURITY}/enforce") for each in (_labels_of(recorded or {}), labels))
        if recorded and before != after:
            yield f"namespace {name}: Pod Security level {after}, {before or 'none'} before; for new pods only"


def addon_changes(wanted: Wanted) -> Iterator[str]:
    """A line for each add-on that comes, changes or goes."""
    if not wanted.last.objects:
        return
    for addon in ADDONS:
        rendered = {object_name(each): object_inputs(each) for each in addon.objects(wanted.settings)}
        recorded = {name: _inputs(each) for (_, name), each in wanted.last.objects.items() if name in rendered}
        if not addon.is_wanted(wanted.settings):
            if recorded:
                yield f"add-on {addon.name}: is removed"
        elif not recorded:
            yield f"add-on {addon.name}: is applied"
        else:
            changed = [
                name for name, inputs in rendered.items() if _comparable(recorded.get(name)) != _comparable(inputs)
            ]
            if changed:
                yield f"add-on {addon.name}: {', '.join(changed)} change{'s' if len(changed) == 1 else ''}"


def _comparable(inputs: Mapping[str, Any] | None) -> Any:
    """Inputs of an object but for the data of a secret, which belong to the program that uses it."""
    if inputs is None:
        return None
    return _without_zeros(
        {key: value for key, value in inputs.items() if inputs.get("kind") != "Secret" or key != "data"}
    )


def _without_zeros(node: Any) -> Any:
    """A part of an object without values that say nothing: the provider (4.25) drops some of them, and keeps others."""
    if isinstance(node, Mapping):
        pruned = {_spelling(str(key)): _without_zeros(value) for key, value in node.items()}
        return {key: value for key, value in pruned.items() if value}
    return [_without_zeros(each) for each in node] if isinstance(node, list) else node


def _spelling(key: str) -> str:
    """The key `x-kubernetes-...` of a definition as the SDK sends it, with underscores."""
    return key.replace("-", "_") if key.startswith("x-kubernetes-") else key


def _inputs(recorded: Mapping[str, Any]) -> Mapping[str, Any]:
    """The inputs of a recorded object: the provider keeps them beside the answer of the cluster."""
    found = recorded.get("__inputs", recorded)
    return found if isinstance(found, Mapping) else {}


def _labels_of(recorded: Mapping[str, Any]) -> dict[str, str]:
    """The labels that the last update gave a node or a namespace."""
    metadata = _inputs(recorded).get("metadata") or {}
    return {str(name): str(value) for name, value in (metadata.get("labels") or {}).items()}
