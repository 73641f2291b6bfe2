"""Which stack a command is about, what its file says, and what to do when Pulumi does not know it yet."""

from __future__ import annotations

import re
from pathlib import Path

import pulumi
import pytest
import yaml

from operations import __main__
from operations.images import images
from operations.stack import stacks
from operations.stack.stacks import SelectedStack, commands_of, selected_stack
from problem import Problem, StepError
from tests.unit.operations.test_ssh import program
from tests.unit.support.stacks import smallest


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with Pulumi.shop.yaml, and beside it what local machines have."""
    monkeypatch.setattr(stacks, "REPOSITORY", tmp_path)
    monkeypatch.setattr(stacks, "STATE", tmp_path / ".local")
    monkeypatch.setattr(stacks, "local_environment", lambda: {"PULUMI_BACKEND_URL": "of this checkout"})
    config = {f"kubeadm:{name}": section for name, section in smallest().items()}
    (tmp_path / "Pulumi.shop.yaml").write_text(yaml.safe_dump({"config": config}))
    (tmp_path / "Pulumi.dev.yaml").touch()
    return tmp_path


def generated(project: Path) -> Path:
    """The stack file that `make up` writes."""
    file = project / ".local" / "dev" / "Pulumi.dev.yaml"
    file.parent.mkdir(parents=True)
    file.touch()
    return file


@pytest.mark.parametrize("name", ["shop", "acme/shop", "organization/kubeadm/shop"])
def test_the_stack_file_has_the_last_part_of_the_name_and_pulumi_gets_the_whole(project: Path, name: str) -> None:
    """As Pulumi itself does it for the stacks of an organisation."""
    program(project, "pulumi", """printf '"%s"' "$*" """)
    stack = selected_stack(name)
    assert stack.file == project / "Pulumi.shop.yaml"
    assert set(stack.settings().hosts) == {"node1"}
    found = SelectedStack(name, stack.file, {"PATH": str(project)}).output("x")
    assert found == f"stack output x --show-secrets --json --stack {name} --non-interactive"


@pytest.mark.parametrize(
    ("name", "is_of_this_checkout"), [("dev", True), ("organization/kubeadm/dev", True), ("acme/dev", False)]
)
def test_a_stack_of_local_machines_has_no_organisation(project: Path, name: str, is_of_this_checkout: bool) -> None:
    """Its state is in this checkout."""
    file = generated(project)
    stack = selected_stack(name)
    assert (stack.file == file) == is_of_this_checkout
    assert (stack.environment.get("PULUMI_BACKEND_URL") == "of this checkout") == is_of_this_checkout


@pytest.mark.parametrize(("name", "next_command"), [("acme/zoo", "make new-stack NAME=zoo"), ("dev", "make up")])
def test_a_stack_that_is_not_there_is_made_by_what_the_advice_says(project: Path, name: str, next_command: str) -> None:
    """Local machines have none before the first `make up`, although their part of a stack file is committed."""
    with pytest.raises(StepError, match=f"find the stack {name}") as error:
        selected_stack(name)
    assert error.value.problem.next_command == next_command


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("config: {a: b", "while parsing a flow mapping"),
        ("", "no mapping `config:`"),
        ("- config", "no mapping `config:`"),
        ("config:\n", "no mapping `config:`"),
        ("config: [1]", "no mapping `config:`"),
        ("config: {}", "cluster: "),
        ("config: \xff", "can't decode"),
    ],
)
def test_a_stack_file_that_is_none_is_said_to_be(project: Path, text: str, seen: str) -> None:
    """Whatever it is."""
    (project / "Pulumi.shop.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(StepError, match=r"read Pulumi\.shop\.yaml: expected a valid stack") as error:
        selected_stack("shop").settings()
    assert seen in error.value.problem.seen


@pytest.mark.parametrize(
    ("name", "said", "next_command"),
    [
        ("acme/shop", "error: no stack named 'acme/shop' found", "pulumi stack init acme/shop"),
        ("dev", "error: no stack named 'dev' found", "make up"),
        ("shop", "error: current stack does not have output property 'kubeconfig'", "pulumi up --stack shop"),
        ("dev", "error: current stack does not have output property 'kubeconfig'", "make up"),
        (
            "shop",
            "error: configuration key 'pw' not found for stack 'shop'",
            "pulumi config set --secret pw --stack shop",
        ),
        (
            "shop",
            "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions",
            "pulumi login",
        ),
        (
            "shop",
            "error: another",
            "pulumi stack output kubeconfig --show-secrets --json --stack shop --non-interactive",
        ),
    ],
)
def test_what_pulumi_does_not_have_is_not_asked_for_again(
    project: Path, name: str, said: str, next_command: str
) -> None:
    """Before the first update the same command would fail in the same way."""
    program(project, "pulumi", f'echo "{said}" >&2; exit 255')
    with pytest.raises(StepError) as error:
        SelectedStack(name, project / "Pulumi.shop.yaml", {"PATH": str(project)}).output("kubeconfig")
    assert error.value.problem.next_command == next_command


def test_without_pulumi_it_says_what_installs_it(project: Path) -> None:
    """No other one is looked for."""
    with pytest.raises(StepError, match="expected the program pulumi") as error:
        SelectedStack("shop", project / "Pulumi.shop.yaml", {"PATH": str(project)}).output("kubeconfig")
    assert error.value.problem.next_command == "make tools installs it"


def test_a_stack_that_was_made_and_never_brought_up_has_no_recorded_inputs(project: Path) -> None:
    """Pulumi exports it all the same."""
    program(project, "pulumi", """echo '{"version": 3, "deployment": null}'""")
    assert SelectedStack("shop", project, {"PATH": str(project)}).recorded_inputs() == {}


@pytest.mark.parametrize(
    ("name", "up", "refresh"),
    [
        ("acme/shop", "pulumi up --stack acme/shop", "pulumi up --stack acme/shop --refresh"),
        ("dev", "make up", "make refresh"),
        ("e2e", "pulumi up --stack e2e --config-file {file}", "pulumi up --stack e2e --config-file {file} --refresh"),
    ],
)
def test_a_command_of_a_stack_names_the_stack(project: Path, name: str, up: str, refresh: str) -> None:
    """Stacks of local machines other than `dev` have their stack file elsewhere."""
    file = project / ".local" / "e2e" / "Pulumi.e2e.yaml"
    file.parent.mkdir(parents=True)
    file.touch()
    assert (commands_of(name).up, commands_of(name).refresh) == (up.format(file=file), refresh.format(file=file))


@pytest.mark.parametrize(
    "error", [StepError(Problem("x", expected="", seen="", next_command="make up")), pulumi.RunError("x")]
)
def test_a_command_that_fails_says_why_without_a_traceback(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    """Components raise errors of Pulumi's, such as for Calico's manifest."""

    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr(images, "selected_stack", fail)
    assert __main__.main(["images", "shop"]) == 1
    assert re.fullmatch(r"\nx(: expected .*Next: make up)?\n", capsys.readouterr().err, re.DOTALL)
