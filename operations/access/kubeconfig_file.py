"""A kubeconfig on disk: entries are added, no entry is lost, and the file is never half-written."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from components.yaml_text import yaml_text
from operations.stack.whole_file import write_whole
from problem import StepError

Kubeconfig = dict[str, Any]

STEP = "write the kubeconfig"
KINDS = ("clusters", "users", "contexts")


def path_of(text: str) -> Path:
    """A path with its `~` replaced: `make` passes the path in quotes, where no shell replaces it.

    Raises:
        argparse.ArgumentTypeError: the path begins with `~NAME` of an unknown user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def merge_into(file: Path, entries: Kubeconfig) -> None:
    """Write entries into a kubeconfig, in the places of entries with the same names; only its owner may read the file.

    Other entries and keys stay, in their order, and a current context, too. Comments are lost.

    Raises:
        StepError: the file is no kubeconfig or cannot be written, another program writes to it, or contexts of other
            programs use the names of the entries.
    """
    try:
        with suppress(FileNotFoundError):
            file.stat()  # raises for links that lead in a circle; resolve() does so up to Python 3.12
        target = file.resolve()  # a link stays a link
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(target):
            write_whole(target, yaml_text(_merged(_read(target), entries, target)).encode())
    except OSError as error:
        expected, next_command = f"a file that can be written, {file}", "choose another one with FILE="
        raise StepError(STEP, expected=expected, seen=str(error), next_command=next_command) from error


def _merged(old: Kubeconfig, entries: Kubeconfig, file: Path) -> Kubeconfig:
    _refuse_entries_of_others(old, entries, file)
    merged = {"apiVersion": "v1", "kind": "Config", **old}
    for kind in KINDS:
        new = {each["name"]: each for each in entries[kind]}
        kept = [new.pop(each["name"], each) for each in old.get(kind) or []]
        merged[kind] = [*kept, *new.values()]
    merged["current-context"] = old.get("current-context") or entries["current-context"]
    return merged


def _refuse_entries_of_others(old: Kubeconfig, entries: Kubeconfig, file: Path) -> None:
    """Refuse to replace entries that contexts of others use: such a context would lead elsewhere, or be lost."""
    clusters = {each["name"]: each for each in entries["clusters"]}
    changed = {each["name"] for each in old.get("clusters") or [] if clusters.get(each["name"], each) != each}
    contexts = {each["name"] for each in entries["contexts"]}
    for each in old.get("contexts") or []:
        name, leads = each["name"], each.get("context") or {}
        if leads.get("user") != name and (name in contexts or leads.get("cluster") in changed):
            raise StepError(
                STEP,
                expected=f"{', '.join([*contexts, *clusters])} to be names of ours",
                seen=f"a context {name} of another program that uses one of them; nothing was changed",
                next_command="choose another file with FILE=; or, if nobody needs it,"
                f" {shlex.join(['kubectl', 'config', 'delete-context', name, '--kubeconfig', str(file)])}",
            )


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
            STEP,
            expected=f"{file} to be a kubeconfig",
            seen="another file; it is left as it is",
            next_command="choose another one with FILE=",
        )
    return dict(content)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Lock the file as kubectl locks a kubeconfig: client-go, tools/clientcmd/loader.go, lockFile."""
    lock = Path(f"{file}.lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise StepError(
            STEP,
            expected="no other program to write to it",
            seen=f"the lock {lock}",
            next_command=f"wait for that program; if there is none, {shlex.join(['rm', str(lock)])}",
        ) from error
    try:
        yield
    finally:
        lock.unlink()
