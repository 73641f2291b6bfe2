"""Shell blocks of the tutorials: each runs in tests/e2e/test_tutorials.py, or is listed with a reason."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from local.paths import REPOSITORY
from tests.e2e.tutorials import (
    ETCD,
    NOT_RUN,
    OWN_MACHINES,
    PAGES,
    RUN,
    SUBSTITUTIONS,
    blocks_to_run,
    main,
    merged,
    rows_of_nodes,
    script,
    settings_of,
    shell_blocks,
    shell_blocks_of,
)

ADDRESSES = {"192.0.2.11": "192.168.57.9", "192.0.2.12": "192.168.57.5", "192.0.2.13": "192.168.57.6"}
OF_README = {
    "ssh-add": "the tutorial names the key",
    "kubectl get service hello": "the tutorial puts the port into its curl",
}
"""Commands of README that the tutorials have in another form."""


def test_each_shell_block_runs_or_is_listed_with_a_reason() -> None:
    """A new block is in neither, and a listed one that is gone is in the list no longer."""
    found = Counter(block.key for block in shell_blocks())
    assert {page for page, _ in found} >= {"README.md", *RUN}
    assert [key for key, times in found.items() if times > 1] == [], "a first command names one block of a page"
    assert set(NOT_RUN) - set(found) == set()
    assert {key for key in found if key[0] not in RUN} - set(NOT_RUN) == set()
    assert [key for key, reason in NOT_RUN.items() if len(reason) < 20] == []


def test_a_command_of_the_readme_is_one_of_the_tutorials() -> None:
    """The script runs it there."""
    run = {command for block in blocks_to_run() for command in block.commands} | {"make new-stack NAME=shop"}
    of_readme = [command for block in shell_blocks_of("README.md") for command in block.commands]
    assert set(of_readme) - run - set(OF_README) == set()
    assert set(OF_README) <= set(of_readme)


@pytest.mark.parametrize("page", [page for page in PAGES if page.endswith(".zh-CN.md")])
def test_a_translation_has_the_same_commands(page: str) -> None:
    """Comments in them are translated."""
    origin = page.replace(".zh-CN", "")
    commands = [block.commands for block in shell_blocks_of(page)]
    assert commands == [block.commands for block in shell_blocks_of(origin)]


@pytest.mark.parametrize("page", ["README.md", OWN_MACHINES])
def test_a_program_that_a_reader_types_is_in_the_table_of_what_is_needed(page: str) -> None:
    """A new Debian has no curl. What bash, OpenSSH or the page itself brings is no need."""
    (needs,) = re.findall(r"^\| your computer.*$", (REPOSITORY / page).read_text(), re.MULTILINE)
    brought = {"read", "export", "eval", "ssh-add", "pulumi", "sudo"}
    typed = {command.split()[0] for block in shell_blocks_of(page) for command in block.commands if command}
    assert [program for program in sorted(typed - brought) if program not in needs] == []


def test_each_substitution_applies_once_it_is_needed() -> None:
    """One that applies nowhere is left over from an older page."""
    text = "".join(block.text for block in blocks_to_run())
    assert [each.old for each in SUBSTITUTIONS if each.old not in text] == []
    assert [each.old for each in SUBSTITUTIONS if not each.reason] == []


def test_the_script_is_bash_and_has_no_address_and_no_name_of_the_page() -> None:
    """Nothing that only a reader could fill in is left, and nothing asks a person."""
    text = script(ADDRESSES)
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    assert re.findall(r"192\.0\.2\.\d+|NAME\.bundle|get\.pulumi\.com|nginx", text) == []
    assert not re.search(r"pulumi (up|destroy)(?! .*--yes)", text)
    assert not re.search(r"pulumi login(?! .*--non-interactive)", text)  # the first one offers to make a project
    assert text.index("make new-stack") < text.index("pulumi stack init") < text.index("pulumi preview --stack shop")


def test_a_substitution_in_an_address_takes_whole_numbers() -> None:
    """192.0.2.11 is no part of 192.0.2.110."""
    assert "192.168.57.9" in script(ADDRESSES)
    assert "192.168.57.90" not in script({"192.0.2.1": "192.168.57.90"})


def test_settings_are_merged_into_a_stack_file_and_its_own_stay(tmp_path: Path) -> None:
    """As the answers to `make new-stack` and the edits of a reader do."""
    (tmp_path / "stack.yaml").write_text("config: {kubeadm:cluster: {name: shop}, kubeadm:dashboard: {kind: none}}")
    (tmp_path / "added.yaml").write_text(
        yaml.safe_dump(settings_of(ETCD) | {"kubeadm:cluster": {"name": "e2e", "a": 1}})
    )
    main(tmp_path / "stack.yaml", tmp_path / "added.yaml")
    config = yaml.safe_load((tmp_path / "stack.yaml").read_text())["config"]
    assert config["kubeadm:cluster"] == {"name": "shop", "a": 1}
    assert config["kubeadm:dashboard"] == {"kind": "none"}
    assert config["kubeadm:backup"]["recipient"] == "backup.crt"
    assert merged({}, {"a": {"b": 1}}) == {"a": {"b": 1}}


def test_the_files_of_the_tutorials_are_of_this_repository() -> None:
    """Pages that were renamed are missed."""
    assert [page for page in PAGES if not (REPOSITORY / page).is_file()] == []


def test_the_nodes_on_a_page_are_found_in_the_output_of_kubectl() -> None:
    """Whatever their age; README and translations show the same ones."""
    printed = (
        "NAME    STATUS   ROLES           AGE     VERSION\n"
        "node1   Ready    control-plane   4m12s   v1.36.3\n"
        "node2   Ready    <none>          3m2s    v1.36.3\n"
    )
    rows = rows_of_nodes(OWN_MACHINES)
    assert [row.search(printed) is not None for row in rows] == [True, True, True, False], "the third is not there"
    pages = ("README.md", "README.zh-CN.md", OWN_MACHINES.replace(".md", ".zh-CN.md"))
    assert [page for page in pages if rows_of_nodes(page) != rows] == []


def test_the_durations_in_the_readme_are_those_of_the_picture() -> None:
    """In words, beside the picture and in its description."""
    log = re.sub(r"\x1b\[[0-9;]*m", "", (REPOSITORY / "docs/pictures/up.log").read_text())
    prepared = max(int(seconds) for seconds in re.findall(r"/prepare created \((\d+)s\)", log))
    (init,) = re.findall(r"/init created \((\d+)s\)", log)
    (minutes, seconds), (resources,) = *re.findall(r"Duration: (\d+)m(\d+)s", log), re.findall(r"\+ (\d+) created", log)
    page = " ".join((REPOSITORY / "README.md").read_text().split())
    assert f"prepared in {prepared} s, kubeadm init takes {init} s, {resources} resources" in page
    assert f"{minutes} min {seconds} s](" in page
    assert f"took {minutes} minutes {seconds} seconds, of which {prepared} seconds" in page
    assert f"and {init} seconds `kubeadm init`" in page
