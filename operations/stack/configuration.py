"""Write the pages and the schema below docs/ that follow from the code, or check that they do."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from local.paths import REPOSITORY
from operations.stack._commands_page import commands_page
from operations.stack._diagram import diagram
from operations.stack._errors_page import errors_page
from operations.stack._graphs import graph_of, imports
from operations.stack._hosts_page import hosts_page
from operations.stack._network import networks
from operations.stack._picture import picture
from operations.stack._reference import reference
from operations.stack._versions_page import versions_page
from operations.stack.stack_schema import stack_schema
from problem import StepError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")


def run(arguments: argparse.Namespace) -> None:
    """Write the files, or check them.

    Raises:
        StepError: a file does not follow from the settings.
    """
    for path, text in generated().items():
        if arguments.check:
            _check(path, text)
        elif not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(REPOSITORY)}")


def generated() -> dict[Path, str]:
    """The text of each generated file."""
    schema = stack_schema()
    pictures = REPOSITORY / "docs" / "pictures"
    order = graph_of((pictures / "order.graph").read_text())
    example = REPOSITORY / "docs" / "stack.example.yaml"
    return {
        REPOSITORY / "docs" / "stack.schema.json": json.dumps(schema, indent=1) + "\n",
        REPOSITORY / "docs" / "configuration.md": reference(schema, example.read_text()),
        REPOSITORY / "docs" / "commands.md": commands_page(),
        REPOSITORY / "docs" / "errors.md": errors_page(),
        REPOSITORY / "docs" / "hosts.md": hosts_page(),
        REPOSITORY / "docs" / "versions.md": versions_page(),
        pictures / "order.svg": diagram(order, "The first update of a control plane and a worker, from top to bottom"),
        pictures / "imports.svg": diagram(imports(REPOSITORY), "Arrows lead to what is imported"),
        **{pictures / f"{name}.svg": drawn for name, drawn in networks().items()},
        **{
            log.with_suffix(".svg"): picture(log.read_text(), f"pulumi {log.stem}")
            for log in sorted(pictures.glob("*.log"))
        },
    }


def _check(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    name = path.relative_to(REPOSITORY)
    raise StepError(
        f"check {name}",
        expected="the text that follows from Makefile, components, operations and scripts",
        seen="another one" if path.exists() else "no such file",
        next_command=f"make configuration, and commit {name} with the change of the code",
    )
