"""Commands on pages: variables of `make`, commands and options of Pulumi, and the stacks that they name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.paths import REPOSITORY, TOOL_CHAIN_BIN
from tests.e2e.tutorials import OWN_MACHINES, shell_blocks_of
from tests.e2e.tutorials import PAGES as TUTORIALS
from tests.unit.test_documentation import CODE_BLOCK, PAGES, name_of

MAKE = re.compile(r"(?:^|[\s;&|])make ([a-z][a-z0-9-]*)((?: +[A-Z_]+=(?:\"[^\"]*\"|\S*))*)", re.MULTILINE)
PULUMI = re.compile(r"(?:^|[\s;&|(])pulumi ([a-z][^\n;&|`]*)", re.MULTILINE)
OPTION = re.compile(r"(?<=\s)--[a-z][a-z-]*")
TARGET = re.compile(r"^([a-z0-9-]+):.*\n((?:\t.*\n|(?:ifdef|else|endif|ifeq).*\n)*)", re.MULTILINE)
VARIABLE = re.compile(r"\$\((?:call (?:needed|given),)?([A-Z_]+)[,)]")
NEEDED = re.compile(r"call needed,([A-Z_]+)")
AT_HAND = shutil.which("pulumi", path=os.pathsep.join([str(TOOL_CHAIN_BIN), os.environ.get("PATH", os.defpath)]))

COMMANDS = {
    "cancel": {"--stack"},
    "config rm": set(),
    "config set": {"--secret", "--stack"},
    "destroy": {"--exclude", "--run-program", "--stack", "--target", "--target-dependents"},
    "login": {"--local", "--non-interactive"},
    "logs decrypt": set(),
    "preview": {
        "--color",
        "--diff",
        "--non-interactive",
        "--save-plan",
        "--stack",
        "--suppress-outputs",
        "--suppress-progress",
    },
    "refresh": {"--clear-pending-creates", "--stack"},
    "stack change-secrets-provider": {"--stack"},
    "stack export": {"--file", "--stack"},
    "stack import": {"--file", "--stack"},
    "stack init": {"--secrets-provider"},
    "stack output": {"--stack"},
    "stack rename": set(),
    "stack rm": {"--force", "--preserve-config"},
    "state delete": {"--all", "--force", "--stack", "--yes"},
    "state move": set(),
    "state rename": set(),
    "state taint": set(),
    "up": {"--exclude", "--parallel", "--refresh", "--replace", "--stack", "--target"},
    "whoami": {"--verbose"},
}
"""Commands of Pulumi on pages, with their options there."""


def code_of(page: Path) -> Iterator[str]:
    """Blocks and spans of code, which a reader copies."""
    text = page.read_text()
    yield from re.findall(r"`([^`\n]+)`", CODE_BLOCK.sub("", text))
    yield from (re.sub(r"\s#\s.*", "", block) for _, block in CODE_BLOCK.findall(text))


def targets() -> dict[str, str]:
    """Recipes of the Makefile by target."""
    return dict(TARGET.findall((REPOSITORY / "Makefile").read_text()))


def names(variables: str) -> set[str]:
    """Names of the variables that a command gives to make."""
    return set(re.findall(r"(?:^|\s)([A-Z_]+)=", variables))


def pulumi_commands(code: str) -> Iterator[tuple[str, set[str]]]:
    """Each command of Pulumi in code, and its options; what the table lacks is named by its first two words."""
    for command in PULUMI.findall(code):
        words = command.split()
        name = " ".join(words[:1] if words[0] in COMMANDS else words[:2])
        yield name, set(OPTION.findall(command))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_variable_of_a_make_command_is_one_of_its_target(page: Path) -> None:
    """Another one is ignored by make, and the reader gets what was not asked for."""
    recipes = targets()
    wrong = [
        f"make {target} {variable}="
        for code in code_of(page)
        for target, given in MAKE.findall(code)
        for variable in names(given) - set(VARIABLE.findall(recipes[target]))
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_make_command_in_a_block_has_what_its_target_needs(page: Path) -> None:
    """In a line of prose the name of the target may stand alone."""
    recipes = targets()
    wrong = [
        f"make {target} {given}"
        for _, block in CODE_BLOCK.findall(page.read_text())
        for target, given in MAKE.findall(re.sub(r"\s#\s.*", "", block))
        for variable in set(NEEDED.findall(recipes.get(target, ""))) - names(given)
        if (target, variable) != ("status", "STACK")
    ]
    assert wrong == []


def test_a_wrong_variable_is_found() -> None:
    """The Makefile says which: given and needed ones, and ARGS."""
    recipes = {target: set(VARIABLE.findall(recipe)) for target, recipe in targets().items()}
    assert recipes["kubeconfig"] == {"BIN", "PYTHON", "STACK", "USER", "FILE", "DURATION"}
    assert recipes["status"] >= {"STACK", "KUBECONFIG"}
    assert recipes["preview-comment"] >= {"STACK", "ARGS"}
    assert recipes["e2e"] >= {"KUBERNETES", "DEBIAN"}
    assert MAKE.findall('make preview-comment STACK=ci ARGS="--base main"') == [
        ("preview-comment", ' STACK=ci ARGS="--base main"')
    ]


def test_the_commands_of_pulumi_on_pages_are_those_of_the_table() -> None:
    """With their options; what no page has is no longer in the table."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        for code in code_of(page):
            for name, options in pulumi_commands(code):
                found.setdefault(name, set()).update(options)
    assert found == COMMANDS


@pytest.mark.skipif(AT_HAND is None, reason="no pulumi on this computer; `make tools` gets one")
@pytest.mark.parametrize("command", COMMANDS)
def test_pulumi_has_each_command_and_option_of_the_pages(command: str) -> None:
    """By its own help."""
    assert AT_HAND
    finished = subprocess.run(
        [AT_HAND, *command.split(), "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    usage = re.search(
        rf"^(?:  pulumi |Aliases:\n).*\b{command.rsplit(maxsplit=1)[-1]}\b", finished.stdout, re.MULTILINE
    )
    assert usage, "the help is that of another command"
    assert COMMANDS[command] - set(OPTION.findall(finished.stdout)) == set()


@pytest.mark.parametrize("page", TUTORIALS)
def test_a_stack_is_made_before_a_command_of_pulumi_names_it(page: str) -> None:
    """On the page, or on the page of one's own machines, with which the other tutorials begin."""
    begun = {"README.md", OWN_MACHINES, OWN_MACHINES.replace(".md", ".zh-CN.md")}
    before = [] if page in begun else list(shell_blocks_of(OWN_MACHINES))
    made: set[str] = set()
    for block in [*before, *shell_blocks_of(page)]:
        for command in block.commands:
            made |= set(re.findall(r"^pulumi stack init (\S+)", command))
            named = set(re.findall(r"^pulumi .*--stack (\S+)", command))
            assert named <= made, f"{page}: {command}"


HOW_TO = sorted((REPOSITORY / "docs/how-to").glob("*.md"))
SELECTED = re.compile(
    r"^(?!\s*Next: ).*?(?:pulumi .*?--stack |pulumi stack rm (?:--[a-z-]+ )*|make .*?STACK=)([A-Za-z][\w-]*)",
    re.MULTILINE,
)
RUNS = "NAME"
"""The stack of a how-to page, which begins with a cluster that runs: docs/index.md says so."""


def stacks_of_commands(page: Path) -> set[str]:
    """Stacks that commands on a page name, those in lines of output left out."""
    return {name for code in code_of(page) for name in SELECTED.findall(code)}


@pytest.mark.parametrize("page", HOW_TO, ids=name_of)
def test_a_how_to_page_is_about_the_stack_that_runs(page: Path) -> None:
    """A stack by another name would have to be made on the page; the job of each night on one page names its own."""
    made = {name for code in code_of(page) for name in re.findall(r"pulumi stack init (\S+)", code)}
    assert stacks_of_commands(page) <= {RUNS} | made | ({"shop"} if page.name == "etcd-snapshots.md" else set())


def test_the_stack_that_runs_is_explained_and_found() -> None:
    """Otherwise the test above would say nothing."""
    begin = (REPOSITORY / "docs/index.md").read_text().partition("## Change a cluster that runs\n")[2]
    assert f"pulumi up --stack {RUNS}" in begin.partition("|")[0]
    found = SELECTED.findall("pulumi up --stack a --refresh\nmake drift STACK=b\n  Next: make repair STACK=c HOST=d\n")
    assert found == ["a", "b"]
    assert RUNS in stacks_of_commands(REPOSITORY / "docs/how-to/state.md")
