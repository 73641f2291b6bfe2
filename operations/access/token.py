"""Print a login token of a service account of the stack; how long it is valid goes to standard error."""

from __future__ import annotations

import argparse
import sys

from operations.access._login_token import DEFAULT_DURATION, login_token
from operations.access.api import Api
from operations.access.servers import answering_kubeconfig
from operations.stack.stacks import selected_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("user", help="name of the service account")
    parser.add_argument("--duration", default=DEFAULT_DURATION, help="such as 30m, 1h, 2d; default: %(default)s")


def run(arguments: argparse.Namespace) -> None:
    """A token, and nothing else, is on standard output.

    Raises:
        StepError: there is no such service account, or the cluster does not answer.
    """
    stack = selected_stack(arguments.stack)
    api = Api.of(answering_kubeconfig(stack), stack.commands)
    token = login_token(api, stack.settings(), arguments.user, arguments.duration)
    print(token.lifetime, file=sys.stderr)
    print(token.token)
