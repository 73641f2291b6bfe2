"""Save etcd now, in a bundle, and fetch the bundle if it is encrypted."""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from components.settings import Host, Settings
from components.steps.scripts import rerun
from components.steps.step import StepName
from operations.etcd.restore import GZIP, SEQUENCE
from operations.hosts.members import members_of
from operations.hosts.ssh import run_as_root
from operations.stack.stacks import SelectedStack, selected_stack
from operations.stack.whole_file import write_whole
from problem import StepError, printable

NAME = re.compile(r"[\w-][\w.-]*\.bundle", re.ASCII)
PADDING = r"trap 'head --bytes 262144 /dev/zero' EXIT"
"""Bytes behind the answer, which nobody reads. When a command ends, a sudo with `log_output` loses the content of its
pipe and of its buffer, 64 KiB each (seen with 1.9.13p3 and a slow reader).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("--directory", type=Path, default=Path(), help="directory for the bundle; by default this one")


def run(arguments: argparse.Namespace) -> None:
    """Save etcd on the first control plane that can and hears a majority, and fetch the bundle.

    Raises:
        StepError: no such control plane, or the bundle cannot be written here.
    """
    stack = selected_stack(arguments.stack)
    settings, recorded = stack.settings(), stack.recorded_inputs()
    host, path = _saved(stack, settings, recorded)
    if settings.backup.recipient is None:
        print(f"{host.name}: the bundle stays there, in the clear: name a certificate in backup.recipient to fetch it")
        return
    content, name = _fetched(host, settings, path, stack.commands.snapshot), Path(path).name
    # A compromised machine may send any name, such as that of a file of this checkout.
    if not content.startswith(SEQUENCE) or not NAME.fullmatch(name):
        is_clear = content.startswith(GZIP)
        raise StepError(
            f"{host.name}: fetch the bundle",
            expected=f"a bundle that is encrypted for {settings.backup.recipient}",
            seen="one in the clear: the machine has no certificate yet" if is_clear else f"something else: {name}",
            next_command=f"{stack.commands.up}; then again",
        )
    written = _written(arguments.directory / name, content, stack.commands.snapshot)
    print(f"{written}: encrypted for {settings.backup.recipient}")


def _fetched(host: Host, settings: Settings, path: str, command: str) -> bytes:
    """The whole bundle on a host. An answer without its end is refused, even if the connection succeeds."""
    file = shlex.quote(path)
    text = f"{PADDING}\nsha256sum <{file}\nbase64 --wrap 0 {file}\n"
    digest, _, encoded = run_as_root(host, settings.ssh, text).output.partition("\n")
    with contextlib.suppress(ValueError):  # raised for a text that ends in the middle of a byte
        content = base64.b64decode(encoded)
        if hashlib.sha256(content).hexdigest() == digest.split(" ")[0]:
            return content
    raise StepError(
        f"{host.name}: fetch the bundle",
        expected=f"{path}, whole",
        seen=f"the first {len(encoded.rstrip()) * 3 // 4} bytes of it, or others",
        next_command=f"{command}; if it says so again: `!log_output` for the login in sudoers, docs/security.md",
    )


def _saved(stack: SelectedStack, settings: Settings, recorded: Mapping[tuple[str, StepName], str]) -> tuple[Host, str]:
    """The control plane that saved etcd, and the path of its bundle there."""
    are_members = [host for host in members_of(settings, recorded) if not host.gone]
    if not are_members:
        expected, seen = "a control plane that an update made", "none"
        raise StepError("save etcd", expected=expected, seen=seen, next_command=stack.commands.up)
    failure: StepError | None = None
    for host in are_members:
        try:
            answer = run_as_root(host, settings.ssh, rerun(recorded[host.name, StepName.PREPARE], "snapshot"))
        except StepError as error:
            failure = failure or error
            print(f"\n{error}\n")
            continue
        print(printable(answer.log), end="")
        path, *behind = answer.output.split() or [""]
        if path and not behind:
            return host, path
        if path:
            expected = "etcd with a majority of its members"
            next_command = f"{stack.commands.status}; docs/how-to/lost-majority.md"
            seen = f"a member that hears none: {path}, which stays there, may be old"
        else:
            expected, seen = "a control plane", "a machine without the mark of one"
            next_command = stack.commands.up
        failure = failure or StepError(
            f"{host.name}: snapshot", expected=expected, seen=seen, next_command=next_command
        )
    raise failure or AssertionError


def _written(target: Path, content: bytes, command: str) -> Path:
    """The file with the bundle."""
    try:
        write_whole(target, content)
    except OSError as error:
        raise StepError(
            f"write {target}",
            expected="a directory that takes the bundle",
            seen=str(error.strerror),
            next_command=f"{command} DIRECTORY=..., which you may write to",
        ) from error
    return target
