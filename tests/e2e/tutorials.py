"""The shell blocks of the tutorials as one script for local machines; blocks that do not run are listed with a reason.

As a program it merges settings into a stack file: `python -m tests.e2e.tutorials STACK_FILE ADDED`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from local.paths import REPOSITORY

OWN_MACHINES, ETCD = "docs/tutorials/own-machines.md", "docs/tutorials/etcd.md"
PRIVATE_MIRRORS, THREE = "docs/tutorials/private-mirrors.md", "docs/tutorials/three-control-planes.md"
RUN = (OWN_MACHINES, ETCD)
"""Pages whose blocks run one after the other, on one cluster."""

PAGES = ("README.md", *(f"docs/tutorials/{path.name}" for path in sorted((REPOSITORY / "docs/tutorials").glob("*.md"))))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NODES = "NAME    STATUS "
"""Begin of a block with the output of `kubectl get nodes`, in which … stands for what differs."""

OUTPUTS = ("Plan for cluster ", NODES)
"""Begins of blocks that show what a command prints."""


class Block(NamedTuple):
    """A fenced block of shell: its page below the repository, and its text."""

    page: str
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """The page and the first command, by which a list names the block."""
        return self.page, self.commands[0]

    @property
    def commands(self) -> list[str]:
        """The commands, without comments."""
        lines = (re.sub(r"\s+#\s.*", "", line) for line in self.text.splitlines())
        return [command.strip() for line in lines for command in line.split(" && ")]


IN_PREVIEWS = "test_tutorial_previews.py runs it"
NOT_RUN = {
    (OWN_MACHINES, "sudo rm /etc/ssh/ssh_host_*"): (
        "typed on clones; local machines are none, and their keys are in known_hosts already"
    ),
    ("README.md", "curl -fsSL https://get.pulumi.com | sh"): (
        "the same commands as in own-machines.md, which a unit test compares"
    ),
    ("README.md", "make kubeconfig STACK=shop FILE=kubeconfig"): (
        "the same commands as in own-machines.md, which a unit test compares"
    ),
    (
        PRIVATE_MIRRORS,
        "make images STACK=lab",
    ): f"{IN_PREVIEWS} but the copying; test_mirror.py copies from a local one",
    (PRIVATE_MIRRORS, "pulumi stack init lab --secrets-provider passphrase"): IN_PREVIEWS,
    (PRIVATE_MIRRORS, "pulumi preview --stack lab"): f"{IN_PREVIEWS} but the update, which has no machines",
    (THREE, "pulumi preview --stack shop"): f"{IN_PREVIEWS} but the update, which tests/ha has on machines",
}
"""Blocks that do not run here, by page and first command, and the reason."""


class Substitution(NamedTuple):
    """A text of the tutorials that is another one here, and the reason."""

    old: str
    new: str
    reason: str


SUBSTITUTIONS = (
    Substitution("curl -fsSL https://get.pulumi.com | sh", ":", "machines of tests have no way out; make tools builds"),
    Substitution(
        "export PATH=~/.pulumi/bin:$PATH",
        "export PATH=$PWD/.venv/bin:$PATH",
        "the tool chain of this checkout is in PATH; its language host, an older one, does not look for .venv itself",
    ),
    Substitution("pulumi login --local ", 'pulumi login "file://$HOME" ', "a person's own state stays as it is"),
    Substitution(
        "PULUMI_CONFIG_PASSPHRASE && export", 'PULUMI_CONFIG_PASSPHRASE <<<"of the tutorial" && export', "nobody types"
    ),
    Substitution(
        "pulumi stack init shop --secrets-provider passphrase",
        "make new-stack NAME=shop <answers\nadd_settings mirror.yaml\n"
        "pulumi stack init shop --secrets-provider passphrase\n"
        "pulumi config set --secret registryPassword --stack shop <password",
        "make new-stack is in the text, not in a block; machines install from the mirror, which has a password",
    ),
    Substitution("pulumi up --stack shop", "pulumi up --stack shop --yes", "nobody answers"),
    Substitution("--image=nginx", '--image="$PROBE_IMAGE"', "the mirror has no nginx"),
    Substitution("--port=80 ", "--port=80 --target-port=8080 ", "the probe listens there"),
    Substitution("curl http://", "curl --fail --retry 10 --retry-connrefused --retry-delay 2 http://", "rules may lag"),
    Substitution("-out backup.crt", "-out backup.crt\nadd_settings backup.yaml", "the YAML block below it is an edit"),
    Substitution("NAME.bundle", "*.bundle", "make snapshot names it"),
)

PROLOGUE = """\
set -euo pipefail
PS4='+ line $LINENO: ' && set -x
trap '[[ -z ${SSH_AGENT_PID:-} ]] || kill "$SSH_AGENT_PID"' EXIT
# OpenSSH reads ~/.ssh of the user database, not of $HOME.
ssh() { command ssh -o UserKnownHostsFile="$HOME/.ssh/known_hosts" -o StrictHostKeyChecking=yes "$@" </dev/null; }
add_settings() { .venv/bin/python -m tests.e2e.tutorials Pulumi.shop.yaml "$1"; }
# The computer of a reader has a kubectl; here it is the control plane's, whose shell prints a greeting.
kubectl() {
  [[ -s $HOME/kubectl ]] || podman cp "$KUBECTL" "$HOME/kubectl"
  "$HOME/kubectl" "$@"
}
"""


def shell_blocks() -> Iterator[Block]:
    """Every shell block of README and tutorials, in English; translations have the same commands."""
    for page in PAGES:
        if not page.endswith(".zh-CN.md"):
            yield from shell_blocks_of(page)


def shell_blocks_of(page: str) -> Iterator[Block]:
    """The shell blocks of a page: fenced, without a language, and no output."""
    for language, text in FENCED.findall((REPOSITORY / page).read_text()):
        if not language and not text.startswith(OUTPUTS):
            yield Block(page, text)


def blocks_to_run() -> list[Block]:
    """The blocks of the script, in the order of a reader."""
    return [block for page in RUN for block in shell_blocks_of(page) if block.key not in NOT_RUN]


def script(addresses: dict[str, str]) -> str:
    """The blocks as one script of bash, which ends at the first command that fails.

    Args:
        addresses: of the machines, by the addresses of the tutorials.
    """
    text = PROLOGUE + "".join(f": '{block.page}'\n{block.text}" for block in blocks_to_run())
    for old, new, _ in SUBSTITUTIONS:
        text = text.replace(old, new)
    for old, new in addresses.items():
        text = re.sub(rf"{re.escape(old)}(?![0-9])", new, text)
    return text


def settings_of(page: str) -> dict[str, Any]:
    """The settings of the first example of a stack file on a page."""
    return next(examples_of(page))


def examples_of(page: str) -> Iterator[dict[str, Any]]:
    """The settings of each example of a stack file on a page."""
    for language, text in FENCED.findall((REPOSITORY / page).read_text()):
        if language == "yaml":
            yield yaml.safe_load(text)["config"]


def rows_of_nodes(page: str) -> list[re.Pattern[str]]:
    """Expressions for the rows that a page shows as output of `kubectl get nodes`."""
    (text,) = (text for _, text in FENCED.findall((REPOSITORY / page).read_text()) if text.startswith(NODES))
    rows = (r" +".join(r"\S+" if word == "…" else re.escape(word) for word in row.split()) for row in text.splitlines())
    return [re.compile(f"^{row} *$", re.MULTILINE) for row in rows]


NEEDS_MACHINES = ("make mirror ", "pulumi up ", "make status ")
"""Begin of commands that connect to a registry or to machines."""


def commands_without_machines(page: str) -> list[str]:
    """Commands of a page that make a stack, configure and preview it, in the order of a reader."""
    commands = [command for block in shell_blocks_of(page) for command in block.commands]
    return [command for command in commands if not command.startswith(NEEDS_MACHINES)]


def merged(config: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """Settings with others, of which those that are there already stay."""
    both = {
        key: merged(config[key], added[key]) for key in config.keys() & added.keys() if isinstance(added[key], dict)
    }
    return {**added, **config, **both}


def main(stack_file: Path, added: Path) -> None:
    """Merge settings into a stack file."""
    content = yaml.safe_load(stack_file.read_text())
    content["config"] = merged(content["config"], yaml.safe_load(added.read_text()))
    stack_file.write_text(yaml.safe_dump(content, sort_keys=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
