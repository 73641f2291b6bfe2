"""`python -m operations COMMAND`: a module per command.

A command's module has a docstring, whose first line is its help, and two functions: `add_arguments(parser)`, and
`run(arguments)`, which raises StepError where a person has to do something.
"""

from __future__ import annotations

import argparse
import os
import sys

import pulumi

from local.paths import TOOL_CHAIN_BIN
from operations.access import kubeconfig, token
from operations.etcd import recover, restore, snapshot
from operations.hosts import drift, repair
from operations.images import images, mirror
from operations.preview import preview_comment
from operations.stack import configuration, new_stack, release_notes, support
from operations.status import status
from problem import StepError, printable

COMMANDS = {
    "configuration": configuration,
    "drift": drift,
    "images": images,
    "kubeconfig": kubeconfig,
    "mirror": mirror,
    "new-stack": new_stack,
    "preview-comment": preview_comment,
    "recover": recover,
    "release-notes": release_notes,
    "repair": repair,
    "restore": restore,
    "snapshot": snapshot,
    "status": status,
    "support": support,
    "token": token,
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; status 1 for a problem, 2 for wrong arguments, 130 for an interrupt, 141 for a closed output."""
    parser = argparse.ArgumentParser(prog="python -m operations", description="What one runs beside `pulumi up`.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    parsed = parser.parse_args(arguments)
    try:
        parsed.run(parsed)
        sys.stdout.flush()
    except StepError as error:
        return _failed(str(error))
    except pulumi.RunError as error:  # components raise it, such as for a manifest that cannot be fetched
        return _failed(printable(str(error)))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _discard_output()
        return 141
    return 0


def _failed(problem: str) -> int:
    """Print a problem below the output of the command, also in a log of both streams."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
    print(f"\n{problem}", file=sys.stderr)
    return 1


def _discard_output() -> None:
    """Discard standard output: Python flushes it once more when it ends, and would report the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    # The provider of Kubernetes, which renders charts, is in PATH where Pulumi runs.
    os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], str(TOOL_CHAIN_BIN)])
    sys.exit(main())
