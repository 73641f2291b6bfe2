"""Ask for the machines of a cluster, read their host keys, and write a stack file."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from components.settings.stack_file import SettingsError, parse_settings
from components.yaml_text import yaml_text
from local.paths import REPOSITORY
from operations.stack._host_keys import HostKey, read_host_key
from operations.stack.stack_schema import PREFIX
from operations.stack.whole_file import write_whole
from problem import StepError

STACK_NAME = r"[A-Za-z0-9_.-]{1,100}"

LINES_OF_STACK_INIT = re.compile(r"(?:(?:encryptionsalt|encryptedkey|secretsprovider): *\S.*\n)+")
"""Text of a file that `pulumi stack init` made: what decrypts the secrets of the stack, and no settings."""

INTRODUCTION = """\
Questions with an answer in brackets take it when you press Enter. Nothing is written before the last one.
Each host's key is read now and shown by its fingerprint. Compare it with what the machine itself says:
  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub
"""

Stack = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("name", help="name of the stack; the file is Pulumi.NAME.yaml")


def run(arguments: argparse.Namespace) -> None:
    """Write a valid Pulumi.NAME.yaml, unless the file has settings already.

    Raises:
        StepError: the file has settings, a host does not answer, or an answer that comes from no terminal is invalid.
    """
    path = REPOSITORY / f"Pulumi.{arguments.name}.yaml"
    step = f"make the stack {arguments.name}"
    if not re.fullmatch(STACK_NAME, arguments.name):
        seen = "another character, or more than a hundred"
        expected = "a name of letters, digits, `-`, `_` and `.`"
        raise StepError(step, expected=expected, seen=seen, next_command="make new-stack NAME=staging2")
    _of_stack_init(path, step)
    print(INTRODUCTION)
    text = stack_file(answers(arguments.name))
    config = yaml.safe_load(text)["config"]
    try:
        parse_settings({key.removeprefix(PREFIX): value for key, value in config.items()})
    except SettingsError as error:
        next_command = "answer again: the same command"
        raise StepError(step, expected="a valid stack", seen=str(error), next_command=next_command) from error
    kept = _of_stack_init(path, step)  # again: a person may have made the stack while the questions were answered
    write_whole(path, (text + kept).encode(), mode=0o644)
    print(f"\nWrote {path.name}. Next:")
    if not kept:
        print(f"  pulumi stack init {arguments.name} --secrets-provider passphrase")
    print(f"  pulumi preview --stack {arguments.name}\n  pulumi up --stack {arguments.name}")


def _of_stack_init(path: Path, step: str) -> str:
    """Lines that `pulumi stack init` wrote, which decrypt the secrets of the stack; none without a file."""
    text = path.read_text().rstrip("\n") + "\n" if path.exists() else ""
    if text and not LINES_OF_STACK_INIT.fullmatch(text):
        seen, next_command = f"{path.name}, which is never overwritten", f"edit {path.name}, or choose another name"
        raise StepError(step, expected="a name that is free", seen=seen, next_command=next_command)
    return text


def answers(name: str) -> Stack:
    """The answers of a person, as sections of a stack file; each answer is checked at once."""
    stack: Stack = {"cluster": {}, "ssh": {}, "hosts": {}}
    _until_taken(lambda: _ask_into(stack, "cluster", "name", f"Name of the cluster [{name}]: ", name))
    _until_taken(lambda: _ask_into(stack, "ssh", "user", "SSH user of the machines [root]: ", "root"))
    print("\nHosts, the control plane first. An empty name ends the list.")
    while _until_taken(lambda: _ask_host(stack)):
        pass
    return stack


def stack_file(stack: Stack) -> str:
    """The text of a stack file, with comments."""
    lines = [
        "# yaml-language-server: $schema=docs/stack.schema.json",
        "#",
        "# docs/configuration.md lists every other setting, with its default.",
        "config:",
        "  kubeadm:cluster:",
        f"    name: {_scalar(stack['cluster']['name'])}",
        "  # A host is a line here: a new one joins, one that is taken out is drained and leaves.",
        "  kubeadm:hosts:",
    ]
    for name, host in stack["hosts"].items():
        lines += [f"    {_scalar(name)}:", f"      address: {host['address']}"]
        lines += [f"      port: {host['port']}"] if "port" in host else []
        lines += [f"      role: {host['role']}"] if host["role"] != "worker" else []
        key = HostKey(*host["hostKey"].split())
        lines += [f"      # {key.fingerprint}", f"      hostKey: {key}"]
    user = stack["ssh"]["user"]
    lines += [
        "  # The private key comes from your SSH agent; privateKeyFile names one instead.",
        "  kubeadm:ssh:",
        f"    user: {_scalar(user)}" + (" # may use sudo without a password" if user != "root" else ""),
    ]
    lines += [
        "  # A cluster needs no dashboard to begin with; kubernetes-dashboard is archived, headlamp is not.",
        "  kubeadm:dashboard:",
        "    kind: none",
    ]
    return "\n".join(lines) + "\n"


def _scalar(value: str) -> str:
    """A text as a YAML scalar, quoted where YAML would read another type, such as `no`."""
    return yaml_text(value).splitlines()[0]


class EndOfInputError(StepError):
    """No answer comes any more."""


def _until_taken(question: Callable[[], bool]) -> bool:
    """Repeat a question until the answer is valid; without a terminal an invalid answer is an error."""
    while True:
        try:
            return question()
        except EndOfInputError:
            raise
        except StepError as error:
            if not sys.stdin.isatty():
                raise
            print(f"{error}\n")


def _ask(question: str, default: str = "") -> str:
    try:
        answer = input(question).strip()
    except EOFError as error:
        next_command = "an empty line after the last host; nothing was written"
        raise EndOfInputError(
            "read the answers",
            expected=f"an answer to `{question.strip()}`",
            seen="the end of the input",
            next_command=next_command,
        ) from error
    if not sys.stdin.isatty():
        print(answer)
    return answer or default


def _ask_into(stack: Stack, section: str, key: str, question: str, default: str) -> bool:
    stack[section][key] = _ask(question, default)
    _refuse_if(_problems(stack, f"{section}.{key}:"), stack[section][key])
    return True


def _ask_host(stack: Stack) -> bool:
    """Take one more host into the stack; False when there is none."""
    hosts = stack["hosts"]
    name = _ask(f"\nHost {len(hosts) + 1}, its name: ")
    if not name:
        _refuse_if(_problems(stack, "hosts: "), name)
        return False
    if name in hosts:
        _refuse_if([f"there is a host {name} already"], name)
    address, _, port = _ask(f"  Address of {name}, with :PORT unless it is 22: ").partition(":")
    default = "worker" if hosts else "control-plane"
    host = {"address": address, **({"port": port} if port else {})}
    host["role"] = _ask(f"  Role of {name}, control-plane or worker [{default}]: ", default)
    others = {"cluster": {"name": "stack"}, "hosts": {**hosts, name: host}}
    _refuse_if([problem for problem in _problems(others, name) if ".hostKey: " not in problem], name)
    key = read_host_key(name, address, int(host.get("port", 22)))
    twins = [other for other in hosts if hosts[other]["hostKey"] == str(key)]
    if twins:
        print(f"  {', '.join(twins)} showed the same key: a clone. Make a new key on one of them first.")
    print(f"  {name} at {address} shows {key.fingerprint} ({key.type})")
    if _ask("  Is this its fingerprint? [y/N] ").lower() not in {"y", "yes"}:
        _refuse_if(["its host key was not confirmed"], name)
    hosts[name] = {**host, "hostKey": str(key)}
    return True


def _problems(stack: Stack, mention: str) -> list[str]:
    """Problems of a stack that mention a text; other settings are not answered yet."""
    try:
        parse_settings(stack)
    except SettingsError as error:
        return [problem for problem in error.problems if mention in problem]
    return []


def _refuse_if(problems: list[str], answer: str) -> None:
    if problems:
        next_command = "answer again; nothing was written"
        raise StepError(
            f"take `{answer}`",
            expected="an answer that can be used",
            seen="\n".join(problems),
            next_command=next_command,
        )
