"""Write a kubeconfig for a user of the stack, or the stack's own, into a file of other entries."""

from __future__ import annotations

import argparse
import base64
import shlex
import sys

import yaml

from components.cluster_access import ENTRIES_OF_KUBEADM
from operations.access._login_token import DEFAULT_DURATION, login_token
from operations.access.api import Api
from operations.access.kubeconfig_file import Kubeconfig, merge_into, path_of
from operations.access.servers import answering_kubeconfig
from operations.stack.stacks import selected_stack

OF_STACK = "pulumi-kubeadm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("--user", help="name of a service account; without it the entry is the stack's own")
    parser.add_argument("--file", type=path_of, default="~/.kube/config", help="default: %(default)s")
    parser.add_argument(
        "--duration", default=DEFAULT_DURATION, help="of a service account's token; default: %(default)s"
    )


def run(arguments: argparse.Namespace) -> None:
    """The file has a context USER@STACK with all that belongs to it; what else is in the file stays.

    Raises:
        StepError: there is no such user, the cluster does not answer, or the file cannot be merged into.
    """
    stack = selected_stack(arguments.stack)
    own = answering_kubeconfig(stack)
    api = Api.of(own, stack.commands)
    if arguments.user:
        token = login_token(api, stack.settings(), arguments.user, arguments.duration)
        name = token.account.rpartition("/")[2]
        entries = entries_of(stack.name, name, api, {"token": token.token})
        print(token.lifetime, file=sys.stderr)
    else:
        name, (user,) = OF_STACK, yaml.safe_load(own)["users"]
        held = {entry: value for entry, value in user["user"].items() if entry in ENTRIES_OF_KUBEADM}
        entries = entries_of(stack.name, name, api, held)
        print(
            f"{name}: may do everything, until the stack has a new kubeconfig; prefer USER= for daily work",
            file=sys.stderr,
        )
    merge_into(arguments.file, entries)
    context = f"{name}@{stack.name}"
    print(shlex.join(["kubectl", "--kubeconfig", str(arguments.file), "--context", context, "get", "pods"]))


def entries_of(stack: str, name: str, api: Api, user: Kubeconfig) -> Kubeconfig:
    """A kubeconfig with one context. Its names begin with the stack's, so that several stacks fit into one file.

    The name of the cluster begins with the project's: other programs may name a cluster as a person names a stack.
    """
    context, cluster = f"{name}@{stack}", f"kubeadm/{stack}"
    authority = base64.b64encode(api.authority.encode()).decode()
    return {
        "clusters": [{"name": cluster, "cluster": {"server": api.server, "certificate-authority-data": authority}}],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": context}}],
        "current-context": context,
    }
