"""The keys by which Secrets are encrypted in etcd, as a secret file of the steps of a control plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.host_files.file import File
from components.settings import Settings
from components.settings.encryption import NOT_ENCRYPTED, problem_of_key

KEYS = "/etc/kubernetes/kubeadm/encryption-keys"
"""Path of the staged keys, of which scripts/lib/encryption.sh makes the API server's file; no file is put there."""


def encryption_files(settings: Settings, keys: Mapping[str, str]) -> list[File]:
    """The secret file of a step with the keys of the stack, `NAME KEY` a line, the one that encrypts first.

    Args:
        settings: the settings of the stack.
        keys: keys in base64, by name.

    Raises:
        ValueError: a key is missing or is no key; a program of others may give any.
    """
    encryption = settings.cluster.encryption
    if encryption is None:
        return []
    return [File(KEYS, "".join(_lines(encryption.order, keys)), mode="0600")]


def _lines(order: tuple[str, ...], keys: Mapping[str, str]) -> Iterator[str]:
    for name in order:
        if name == NOT_ENCRYPTED:
            yield f"{name}\n"
            continue
        problem = problem_of_key(keys[name]) if name in keys else "missing"
        if problem:
            raise ValueError(f"key {name} of cluster.encryption: {problem}")
        yield f"{name} {keys[name].strip()}\n"
