"""Print a preview as the comment of a pull request, and with --post write it there."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from local.paths import REPOSITORY
from operations.preview import _preview
from operations.preview._comment import Comparison, comment, counted, marker
from operations.preview._differences import differences
from operations.preview._github import PullRequest
from operations.preview._preview import Preview
from operations.stack.stacks import stack_file_name
from problem import StepError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack; of acme/shop the stack file is Pulumi.shop.yaml")
    parser.add_argument(
        "--empty-state", action="store_true", help="as if nothing of the stack existed: needs no login and no secret"
    )
    parser.add_argument(
        "--base", metavar="COMMIT", help="with --empty-state: also show what differs from the preview of this commit"
    )
    parser.add_argument("--post", type=int, metavar="NUMBER", help="write it on this pull request, with $GITHUB_TOKEN")


def run(arguments: argparse.Namespace) -> None:
    """Print the comment; with `post` it is also on the pull request.

    Raises:
        StepError: the preview failed, as the comment says, too; or the comment could not be posted.
    """
    found, comparison = _of_empty_state(arguments) if arguments.empty_state else _of_backend(arguments.stack)
    print(comment(arguments.stack, found, comparison, limit=sys.maxsize))
    if arguments.post is not None:
        text = comment(arguments.stack, found, comparison)
        address = _pull_request(arguments.post).write(marker(arguments.stack), text)
        print(f"Written to {address}", file=sys.stderr)
    if found.errors:
        raise StepError(
            f"preview {arguments.stack}",
            expected="the preview to succeed",
            seen="\n".join(found.errors),
            next_command=found.next_command
            or "remove the cause named above; `make preview-comment` takes the same arguments here",
        )


def _of_backend(stack: str) -> tuple[Preview, Comparison]:
    found = _preview.preview(_preview.of_stack(stack))
    base = "Compared with the state that the last `pulumi up` left."
    return found, Comparison(base, counted(found.changes), differences(found.before, found.after, found.touched))


def _of_empty_state(arguments: argparse.Namespace) -> tuple[Preview, Comparison]:
    with _preview.of_empty_state(arguments.stack) as selection:
        found = _preview.preview(selection)
    alone = Comparison("Compared with an empty state: every resource is created.", counted(found.changes), "")
    if not arguments.base or found.errors:
        return found, alone
    other = _at(arguments.base, arguments.stack)
    if other.errors:
        return found, replace(
            alone, base=f"{alone.base} The preview of `{arguments.base}` fails, so it is not compared."
        )
    changed = differences(other.after, found.after)
    urns = {*other.after, *found.after}
    number = sum(other.after.get(urn) != found.after.get(urn) for urn in urns)
    outcome = f"{number} of {len(urns)} resources differ" if number else "nothing differs"
    base = (
        f"Compared with `{arguments.base}`. The stack has no state: the output of Pulumi below creates every resource."
    )
    return found, Comparison(base, outcome, changed)


def _at(commit: str, stack: str) -> Preview:
    """The preview of another commit, on an empty state, with the tool chain of this one."""
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch) / "commit"
        _git("worktree", "add", "--quiet", "--detach", str(other), commit)
        try:
            (other / ".venv").symlink_to(REPOSITORY / ".venv")
            if not (other / stack_file_name(stack)).exists():
                return Preview("", "", {}, (), {}, {}, frozenset())
            with _preview.of_empty_state(stack, other) as selection:
                return _preview.preview(selection)
        finally:
            _git("worktree", "remove", "--force", str(other))


def _git(*arguments: str) -> None:
    finished = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise StepError(
            f"git {' '.join(arguments[:2])}",
            expected="git to succeed",
            seen=finished.stderr,
            next_command="git fetch origin, and give a commit that is there",
        )


def _pull_request(number: int) -> PullRequest:
    """The pull request, from variables of a GitHub Actions job; the workflow passes the token explicitly."""
    missing = [name for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY") if not os.environ.get(name)]
    if missing:
        raise StepError(
            f"comment on pull request {number}",
            expected="$GITHUB_TOKEN and $GITHUB_REPOSITORY",
            seen=f"nothing in {' and '.join(missing)}",
            next_command="set them, or leave --post out",
        )
    api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    graphql = os.environ.get("GITHUB_GRAPHQL_URL", f"{api}/graphql")
    return PullRequest(api, graphql, os.environ["GITHUB_REPOSITORY"], number, os.environ["GITHUB_TOKEN"])
