"""The page of commands as Markdown: the help of the Makefile, and the arguments of each command of `operations`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import operations
from local.paths import REPOSITORY
from operations.stack._markdown import table

INTRODUCTION = """\
# Commands

Written by `make configuration` from the Makefile and `operations`; do not edit it here.

Clusters are changed by `pulumi preview` and `pulumi up` alone; the commands below look, fetch, repair and restore.

## make

Each target installs what it needs first. Arguments in brackets may be left out.
"""
OPERATIONS = """\
## python -m operations

`.venv/bin/python -m operations COMMAND`, which the targets of the same names call, with the state, the login and the
passphrase of the shell. The exit status is 0 when the command did what it says, 1 when there is a problem, which it
prints, 2 when it was called wrongly, 130 when it was interrupted, and 141 when the reader of its output
ended before it, such as `head`.
"""
TARGET = re.compile(r"^([a-z0-9-]+):.*?## (?:((?:\[?[A-Z_]+=[^:]*)): )?(.+)$", re.MULTILINE)
"""A target of the Makefile with its help: name, arguments, summary."""


class _Recorder(argparse.ArgumentParser):
    """A parser that remembers its arguments."""

    def __init__(self) -> None:
        super().__init__(add_help=False)
        self.arguments: list[argparse.Action] = []

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """The action that the parser made, which `arguments` has, too."""
        self.arguments.append(super().add_argument(*names, **options))
        return self.arguments[-1]


def commands_page() -> str:
    """The whole page."""
    targets = TARGET.findall((REPOSITORY / "Makefile").read_text())
    return "\n".join(
        [
            INTRODUCTION,
            table(("Target", "Arguments", "What it does"), (_target(*each) for each in targets)),
            OPERATIONS,
            *(_command(name, module) for name, module in sorted(command_modules())),
        ]
    )


def command_modules() -> Iterator[tuple[str, ModuleType]]:
    """Each command of `operations` with its module, which has `add_arguments`."""
    for found in pkgutil.walk_packages(operations.__path__, "operations."):
        *_, name = found.name.split(".")
        if not name.startswith("_"):
            module = importlib.import_module(found.name)
            if hasattr(module, "add_arguments"):
                yield name.replace("_", "-"), module


def _target(name: str, arguments: str, summary: str) -> tuple[str, ...]:
    return f"`make {name}`", f"`{arguments}`" if arguments else "", summary[0].upper() + summary[1:]


def _command(name: str, module: ModuleType) -> str:
    recorder = _Recorder()
    module.add_arguments(recorder)
    rows = [(f"`{_spelled(each)}`", (each.help or "") % vars(each)) for each in recorder.arguments]
    summary = (module.__doc__ or "").partition("\n")[0]
    return "\n".join([f"### {name}\n", f"{summary}\n", *([table(("Argument", ""), rows)] if rows else [])])


def _spelled(action: argparse.Action) -> str:
    """The spelling of an argument on the command line, such as `--key KEY` or `STACK`."""
    value = action.metavar or action.dest.upper()
    if not action.option_strings:
        return str(value)
    return " ".join([action.option_strings[0], *([] if action.nargs == 0 else [str(value)])])
