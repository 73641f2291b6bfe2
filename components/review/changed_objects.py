"""Changes of Kubernetes objects, as lines of the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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


def _labels_of(patch: Mapping[str, object]) -> dict[str, str]:
    """The labels that the last update gave a node; the provider keeps its inputs beside the answer of the cluster."""
    inputs = patch.get("__inputs", patch)
    metadata = inputs.get("metadata") if isinstance(inputs, Mapping) else None
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    return {str(name): str(value) for name, value in labels.items()} if isinstance(labels, Mapping) else {}
