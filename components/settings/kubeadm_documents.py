"""Values in the documents of kubeadm that a stack brings, in which anything may stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_at(document: Any, path: str) -> Any:
    """The value at a path such as `etcd.local.dataDir`; None without it."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def flags_of(content: Any) -> list[str]:
    """Names of the `extraArgs` of a part of the ClusterConfiguration, in the form of either API version."""
    arguments = content.get("extraArgs") or () if isinstance(content, Mapping) else ()
    return [each["name"] if isinstance(each, Mapping) else each for each in arguments]


def argument_of(content: Any, name: str) -> str | None:
    """The value of one of the `extraArgs` of a part of the ClusterConfiguration; None without it, or without a text."""
    arguments = content.get("extraArgs") or () if isinstance(content, Mapping) else ()
    if isinstance(arguments, Mapping):
        found = arguments.get(name)
    else:
        found = next(
            (each.get("value") for each in arguments if isinstance(each, Mapping) and each.get("name") == name), None
        )
    return found if isinstance(found, str) else None
