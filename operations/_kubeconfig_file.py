"""A kubeconfig on disk: entries are added to it, none is lost, and it is never half-written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from local.errors import StepError

Kubeconfig = dict[str, Any]

KINDS = ("clusters", "users", "contexts")


def merge_into(file: Path, entries: Kubeconfig) -> None:
    """The file holds the entries, in the places of those of the same names, and is readable by its owner only.

    Its other entries and keys stay, in their order; its current context too, if it has one. Comments do not.

    Raises:
        StepError: the file is no kubeconfig, or another program writes to it.
    """
    target = file.resolve()  # a link stays a link
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(target):
        merged = _merged(_read(target), entries)
        with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix=f".{target.name}.", delete=False) as unfinished:
            try:
                # Mode 0600 from the start: that is how temporary files are made.
                yaml.safe_dump(merged, unfinished, sort_keys=False)
                unfinished.flush()
                os.fsync(unfinished.fileno())
                Path(unfinished.name).replace(target)
            except BaseException:
                Path(unfinished.name).unlink(missing_ok=True)
                raise


def _merged(old: Kubeconfig, entries: Kubeconfig) -> Kubeconfig:
    merged = {"apiVersion": "v1", "kind": "Config", **old}
    for kind in KINDS:
        new = {each["name"]: each for each in entries[kind]}
        kept = [new.pop(each["name"], each) for each in old.get(kind) or []]
        merged[kind] = [*kept, *new.values()]
    merged["current-context"] = old.get("current-context") or entries["current-context"]
    return merged


def _read(file: Path) -> Kubeconfig:
    if not file.exists():
        return {}
    try:
        content = yaml.safe_load(file.read_text()) or {}
        is_kubeconfig = isinstance(content, dict) and all(
            isinstance(each["name"], str) for kind in KINDS for each in content.get(kind) or []
        )
    except (yaml.YAMLError, TypeError, KeyError, UnicodeDecodeError):
        is_kubeconfig = False
    if not is_kubeconfig:
        raise StepError(
            "write the kubeconfig",
            expected=f"{file} to be a kubeconfig",
            seen="another file; it is left as it is",
            next_command="choose another one with FILE=",
        )
    return dict(content)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Kubectl locks a kubeconfig in the same way: client-go, tools/clientcmd/loader.go, lockFile."""
    lock = Path(f"{file}.lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise StepError(
            "write the kubeconfig",
            expected="no other program to write to it",
            seen=f"the lock {lock}",
            next_command=f"wait for that program; if there is none, rm {lock}",
        ) from error
    try:
        yield
    finally:
        lock.unlink()
