"""The editors' schema and the reference follow from the settings, and say the same as they do."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from components.settings import Settings
from components.settings.stack_file import parse_settings
from components.settings.support import KUBERNETES
from local.paths import REPOSITORY
from operations.__main__ import COMMANDS
from operations.stack import configuration
from operations.stack._commands_page import command_modules, commands_page
from operations.stack._errors_page import FAIL, expected_states
from operations.stack.stack_schema import PREFIX
from problem import StepError
from tests.unit.support.stacks import KEY

STACK_FILES = sorted(REPOSITORY.glob("Pulumi.*.yaml"))
EXAMPLE = REPOSITORY / "docs" / "stack.example.yaml"
HEADER = "# yaml-language-server: $schema=docs/stack.schema.json"


def validator() -> Draft202012Validator:
    """Of the committed schema, which is what an editor uses."""
    schema = json.loads((REPOSITORY / "docs" / "stack.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def refusals(config: dict[str, Any]) -> str:
    """What an editor would say of a stack file; empty when it is content."""
    return "\n".join(error.message for error in validator().iter_errors({"config": config}))


def stack() -> dict[str, Any]:
    """A small stack file, below `config:`."""
    host = {"address": "192.0.2.11", "role": "control-plane", "hostKey": f"{KEY}1"}
    return {"kubeadm:cluster": {"name": "dev"}, "kubeadm:hosts": {"node1": host}}


def test_the_stack_files_of_all_environments_are_there() -> None:
    """The tests below look at each of them."""
    assert {path.name for path in STACK_FILES} >= {
        "Pulumi.dev.yaml",
        "Pulumi.lab.yaml",
        "Pulumi.staging.yaml",
        "Pulumi.ci.yaml",
    }


@pytest.mark.parametrize("path", STACK_FILES, ids=lambda path: path.name)
def test_a_committed_stack_file_names_the_schema_and_satisfies_it(path: Path) -> None:
    """An editor opens it without a complaint."""
    text = path.read_text()
    assert text.splitlines()[0] == HEADER
    assert [error.message for error in validator().iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize("path", [each for each in STACK_FILES if each.name != "Pulumi.dev.yaml"], ids=lambda p: p.name)
def test_a_committed_stack_file_is_taken_by_the_program(path: Path) -> None:
    """That of `dev` names files which `make up` makes; the end-to-end tests bring it up."""
    config = yaml.safe_load(path.read_text())["config"]
    settings = parse_settings({key.removeprefix(PREFIX): value for key, value in config.items()})
    assert settings.cluster.name == path.name.split(".")[1]


def test_the_stack_for_pull_requests_needs_no_secret() -> None:
    """Whoever opens a pull request has none."""
    config = yaml.safe_load((REPOSITORY / "Pulumi.ci.yaml").read_text())["config"]
    sections = {key.removeprefix(PREFIX): value for key, value in config.items()}
    assert parse_settings(sections, others=(), secrets=set())


def test_a_small_stack_satisfies_the_schema() -> None:
    """So that what the tests below change is what is refused."""
    assert refusals(stack()) == ""


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        (("kubeadm:clutser",), "kubeadm:clutser|secure"),
        (("kubeadm:cluster", "kubernetesVerison"), "kubernetesVerison"),
        (("kubeadm:hosts", "node1", "adress"), "adress"),
        (("kubeadm:hosts", "Node_2"), "Node_2"),
        (("kubeadm:hosts", "node1", "taints"), "is not of type 'array'"),
        (("kubeadm:ssh",), "surprise"),
    ],
)
def test_a_typo_is_refused_by_the_schema(path: tuple[str, ...], refusal: str) -> None:
    """At every depth of a file."""
    config = stack()
    node = config
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = {"surprise": 1}
    assert re.search(refusal, refusals(config))


def test_a_password_is_taken_encrypted_and_refused_in_plain_text() -> None:
    """What `pulumi config set` without --secret would have written."""
    assert refusals({**stack(), "kubeadm:registryPassword": {"secure": "v1:abc"}}) == ""
    assert "is not of type 'object'" in refusals({**stack(), "kubeadm:registryPassword": "hunter2"})


def test_settings_of_other_programs_are_none_of_the_schemas_business() -> None:
    """Pulumi's own, for one."""
    assert refusals({**stack(), "pulumi:tags": {"team": "a"}}) == ""


def test_the_reference_has_a_section_for_each_key_and_a_row_for_each_field() -> None:
    """Counted on the models, not on the schema that both files come from."""
    text = (REPOSITORY / "docs" / "configuration.md").read_text()
    for name, section in Settings.model_fields.items():
        assert f"\n## `{PREFIX}{section.alias or name}`\n" in text
        for field in getattr(section.annotation, "model_fields", {}).values():
            assert f"\n| `{field.alias}` |" in text


@pytest.mark.parametrize(
    "row",
    [
        '| `networking.podSubnet` | Addresses of pods | IPv4 network | `"10.244.0.0/16"` |  |',
        "| `NAME.address` | Address of the SSH server | IPv4 address | **required** |  |",
        '| `NAME.role` | Role of the host in the cluster | string | `"worker"` | `control-plane` `worker` |',
        "| `bastion.port` | SSH port of the bastion | integer | `22` | 1 to 65535 |",
        "| `bastion.address` | Name or address of the bastion | string | **required** | a host name or an address |",
    ],
)
def test_the_reference_says_what_a_setting_is_then_type_default_and_what_is_allowed(row: str) -> None:
    """As one example of each kind of field."""
    assert row in (REPOSITORY / "docs" / "configuration.md").read_text().splitlines()


def test_each_field_is_described() -> None:
    """A row without a description is no reference."""
    for line in (REPOSITORY / "docs" / "configuration.md").read_text().splitlines():
        if line.startswith("| `"):
            assert not re.match(r"\| `[^`]+` \|  \|", line), line


@pytest.mark.parametrize(
    "cells",
    [
        ("1.24", "2023-07-28", "3.5.3-0, v1.8.6", "1.4", "1.6.4, 1.7.0", "3.24, 3.25, 3.26"),
        ("1.37", "2027-10-28", "3.7.0-0, v1.14.6", "1.6", "not published", "3.33"),
        ("3.28", "1.27 to 1.30", "docker.io", "cni, kube-controllers, node", "3.28.5"),
        ("3.33", "1.35 to 1.37", "quay.io", "calico, node", "none"),
        ("2.3", "2028-04-30"),
    ],
)
def test_the_page_of_versions_has_a_row_for_each_of_them(cells: tuple[str, ...]) -> None:
    """With what belongs to it."""
    lines = (REPOSITORY / "docs" / "versions.md").read_text().splitlines()
    (row,) = [line for line in lines if line.startswith(f"| {cells[0]} |")]
    assert [cell for cell in cells if cell not in row] == []


def test_every_row_of_the_page_of_versions_links_to_its_source() -> None:
    """Of images by the patch that they were read from, of Calico by its line."""
    lines = (REPOSITORY / "docs" / "versions.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith(("| 1.2", "| 1.3", "| 3."))]
    assert len(rows) > len(KUBERNETES)
    assert [row for row in rows if "](https://" not in row] == []


def test_the_page_of_commands_has_each_command_and_each_target() -> None:
    """With its arguments, of which a name in capitals is given, and one in brackets may be."""
    assert dict(command_modules()) == COMMANDS
    page = commands_page()
    makefile = (REPOSITORY / "Makefile").read_text()
    documented = set(re.findall(r"^\| `make ([a-z0-9-]+)` \|", page, re.MULTILINE))
    assert documented == set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    assert "| `make restore` | `STACK=... BUNDLE=... [KEY=...]` |" in page
    assert "| `--key KEY` | file with the private key" in page


def test_the_page_of_errors_has_the_states_that_scripts_expect(tmp_path: Path) -> None:
    """Values by their names; a failure that is not understood is missed by the count."""
    (tmp_path / "a.sh").write_text(
        'x || fail "room: ${size% } of $DISK \\"d\\"" "$y" "z"\n  wait_for "$S" "$1 to run" "z" x\n'
    )
    assert list(expected_states(tmp_path)) == [('room: SIZE of DISK "d"', "`a.sh`"), ("… to run", "`a.sh`")]
    for script in (REPOSITORY / "scripts").rglob("*.sh"):
        code = re.sub(r"^ *#.*$", "", script.read_text().replace("\\\n", ""), flags=re.MULTILINE)
        assert len(FAIL.findall(code)) >= len(re.findall(r'(?<![\w-])fail "|\bwait_for \S+ "[^$]', code)), script


@pytest.mark.parametrize(
    "name",
    [
        *("commands.md", "configuration.md", "errors.md", "hosts.md", "versions.md", "stack.schema.json"),
        *("pictures/imports.svg", "pictures/order.svg"),
    ],
)
def test_a_file_that_does_not_follow_from_the_settings_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """`make lint` names the file, and the command to run."""
    monkeypatch.setattr(configuration, "REPOSITORY", tmp_path)
    (tmp_path / "docs" / "pictures").mkdir(parents=True)
    for read in (f"docs/{EXAMPLE.name}", "docs/pictures/order.graph", "__main__.py", "components", "operations"):
        (tmp_path / read).symlink_to(REPOSITORY / read)
    configuration.run(argparse.Namespace(check=False))
    configuration.run(argparse.Namespace(check=True))
    (tmp_path / "docs" / name).write_text("older\n")
    with pytest.raises(StepError, match=rf"check docs/{re.escape(name)}") as error:
        configuration.run(argparse.Namespace(check=True))
    assert "make configuration" in str(error.value)
