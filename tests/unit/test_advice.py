"""Advice to run `make`: a target is named with every variable that the Makefile needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.settings._problems import known_keys
from components.settings.stack_file import SECTIONS
from local.paths import REPOSITORY
from tests.unit.test_commands_on_pages import NEEDED, code_of, names, targets
from tests.unit.test_documentation import PAGES, name_of

COMMAND = re.compile(r"(?<![\w-])make ([a-z][a-z0-9-]*)((?: +[A-Z_]+=[^\s;,]*)*)")
NAME_ALONE = re.compile(r"`make [a-z-]+`")
"""Target as a word of a sentence, as on pages: \"as `make drift` says\"."""

PROGRAMS = [path for folder in ("components", "operations") for path in sorted((REPOSITORY / folder).rglob("*.py"))]
SCRIPTS = sorted((REPOSITORY / "scripts").rglob("*.sh"))


def incomplete(text: str) -> list[str]:
    """Commands in a text that lack a variable; the stack of `make status` is one that is needed."""
    recipes = targets()
    return [
        command[0]
        for command in COMMAND.finditer(NAME_ALONE.sub("", text))
        if set(NEEDED.findall(recipes.get(command[1], ""))) - names(command[2])
    ]


def texts(source: str) -> Iterator[str]:
    """Texts of a module, with `{}` for each value in them; docstrings are no messages."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | parts:
            yield node.value


def without_comments(script: str) -> str:
    """Lines of a script that run, those that go on in one."""
    return re.sub(r"^\s*#.*|\s# .*", "", script.replace("\\\n", ""), flags=re.MULTILINE)


@pytest.mark.parametrize("path", PROGRAMS, ids=name_of)
def test_a_message_names_each_variable_of_a_target(path: Path) -> None:
    """A command that ends in "STACK= is missing" is no advice."""
    assert [command for text in texts(path.read_text()) for command in incomplete(text)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_message_of_a_script_names_each_variable_of_a_target(path: Path) -> None:
    """A machine does not know the name of the stack, and says STACK=...."""
    assert incomplete(without_comments(path.read_text())) == []


SETTING = re.compile(rf"(?<![\w./@-])({'|'.join(SECTIONS)})((?:\.[A-Za-z0-9{{}}]+)+)")
NO_SETTING = {
    *("backup.crt", "backup.key", "calico.yaml", "cluster.local", "containerd.io", "dashboard.yaml", "metallb.io"),
    "proxy.disabled",  # of kubeadm's ClusterConfiguration
}


def unknown_settings(text: str) -> list[str]:
    """Settings in a text that no stack file has; a name in capitals, or a value, stands for any key."""
    return [found[0] for found in SETTING.finditer(text) if found[0] not in NO_SETTING and _is_unknown(found[0])]


def _is_unknown(setting: str) -> bool:
    path = setting.split(".")
    for number, key in enumerate(path[1:], start=1):
        known = known_keys(path[:number])
        if known and key not in known and not re.match("[A-Z{]", key):
            return True
        if not known:  # a mapping with keys of the stack's own
            break
    return False


@pytest.mark.parametrize("path", [*PROGRAMS, *SCRIPTS], ids=name_of)
def test_a_message_names_settings_that_exist(path: Path) -> None:
    """A stack file with another one is refused."""
    found = texts(path.read_text()) if path.suffix == ".py" else [without_comments(path.read_text())]
    assert [setting for text in found for setting in unknown_settings(text)] == []


def test_an_unknown_setting_in_a_message_is_found() -> None:
    """Otherwise the test above would prove nothing."""
    text = "set cluster.vip.addres, hosts.{}.gone, hosts.NAME.role, dashboard.kinds, /etc/ssh.port or calico.version"
    assert unknown_settings(text) == ["cluster.vip.addres", "dashboard.kinds"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_on_a_page_with_a_variable_has_all_of_them(page: Path) -> None:
    """A target without any is the name of the target; in blocks it has all."""
    assert [
        command
        for code in code_of(page)
        for command in incomplete(code)
        if "=" in command and not command.startswith("make status")
    ] == []


def test_advice_without_a_variable_is_found() -> None:
    """In parts of a text, in texts with values, and on a line that goes on; not in docstrings and comments."""
    source = (
        '"""make drift."""\nA = "make " "drift; make up"\n'
        'B = f"make repair STACK={A}, see `make drift`"\nC = B + "make token"'
    )
    found = {command for text in texts(source) for command in incomplete(text)}
    assert found == {"make drift", "make repair STACK={}", "make token"}
    script = '# make drift\nfail a b \\\n  "c: \\\nmake status; make repair STACK=... HOST=$HOST_NAME" # make drift\n'
    assert incomplete(without_comments(script)) == ["make status"]
