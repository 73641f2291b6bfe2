"""Which stack a command is about, what its file says, and what to do when Pulumi does not know it yet."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from pulumi import RunError

from operations import __main__
from operations.images import images
from operations.stack import stacks
from operations.stack.stacks import SelectedStack, commands_of, selected_stack
from problem import StepError
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


def pulumi(directory: Path, answer: str) -> None:
    """A shell script that stands for Pulumi."""
    program(directory, "pulumi", f'if [ "$1" = version ]; then echo 3.200.0; exit; fi\n{answer}')


def exported(outputs: str, argument: str = "") -> str:
    """A line of shell that prints a state with these outputs; `%s` in them is the argument."""
    stack = f'{{"urn": "urn:pulumi:x::x::pulumi:pulumi:Stack::x", "type": "pulumi:pulumi:Stack", "outputs": {outputs}}}'
    return f"""printf '{{"version": 3, "deployment": {{"resources": [{stack}]}}}}' "{argument}\""""


@pytest.mark.parametrize("name", ["shop", "acme/shop", "organization/kubeadm/shop"])
def test_the_stack_file_has_the_last_part_of_the_name_and_pulumi_gets_the_whole(project: Path, name: str) -> None:
    """As Pulumi itself does it for the stacks of an organisation."""
    pulumi(project, exported('{"x": "%s"}', "$*"))
    stack = selected_stack(name)
    assert stack.file == project / "Pulumi.shop.yaml"
    assert set(stack.settings().hosts) == {"node1"}
    found = SelectedStack(name, stack.file, {"PATH": str(project)}).output("x")
    assert found == f"--non-interactive stack export --show-secrets --stack {name}"


@pytest.mark.parametrize(
    ("name", "is_of_this_checkout"), [("dev", True), ("organization/kubeadm/dev", True), ("acme/dev", False)]
)
def test_a_stack_of_local_machines_has_no_organisation(project: Path, name: str, is_of_this_checkout: bool) -> None:
    """Its state is in this checkout."""
    file = generated(project)
    stack = selected_stack(name)
    assert (stack.file == file) == is_of_this_checkout
    assert (stack.environment.get("PULUMI_BACKEND_URL") == "of this checkout") == is_of_this_checkout


def test_a_misspelt_stack_is_answered_with_the_nearest_one(project: Path) -> None:
    """A new one would be another cluster."""
    with pytest.raises(StepError) as error:
        selected_stack("shp")
    expected = "the same command with STACK=shop, or for a new stack: make new-stack NAME=shp"
    assert error.value.problem.next_command == expected


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


NO_STACK = "echo \"error: no stack named 'x' found\" >&2; exit 255"
NO_LOGIN = "echo 'error: PULUMI_ACCESS_TOKEN must be set' >&2; exit 255"
LOCKED = """\
if [ "$2" = whoami ]; then echo '{"user": "jo"}'; else
  echo "error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE" >&2; exit 255
fi"""
ANOTHER = """if [ "$2" = whoami ]; then echo '{"user": "jo"}'; else echo "error: passphrase" >&2; exit 255; fi"""


@pytest.mark.parametrize(
    ("name", "answer", "next_command"),
    [
        (
            "acme/shop",
            NO_STACK,
            (
                "see by `pulumi whoami --verbose` that this is the backend of the stack; if the stack was never made:"
                " pulumi stack init acme/shop --secrets-provider passphrase"
            ),
        ),
        ("dev", NO_STACK, "make up"),
        ("shop", "echo '{}'", "pulumi up --stack shop"),
        ("dev", "echo '{}'", "make up"),
        (
            "shop",
            NO_LOGIN,
            "pulumi login --local, or `pulumi login` with the backend of the stack: docs/how-to/state.md",
        ),
        (
            "shop",
            LOCKED,
            "export PULUMI_CONFIG_PASSPHRASE=..., the passphrase of the stack, then the same command again",
        ),
        ("shop", ANOTHER, "remove the cause named above, then run the same command again"),
    ],
)
def test_a_failure_of_pulumi_names_the_command_that_removes_its_cause(
    project: Path, name: str, answer: str, next_command: str
) -> None:
    """Before the first update the same command would fail in the same way."""
    pulumi(project, answer)
    with pytest.raises(StepError) as error:
        SelectedStack(name, project / "Pulumi.shop.yaml", {"PATH": str(project)}).output("kubeconfig")
    assert error.value.problem.next_command == next_command
    assert "code:" not in error.value.problem.seen


def test_a_secret_is_read_from_the_stack_file_in_use_and_a_missing_one_is_set(project: Path) -> None:
    """That of local machines lies elsewhere than Pulumi looks."""
    file = generated(project)
    file.write_text('{"kubeadm:pw": {"value": "x", "secret": true}}\n')
    pulumi(project, "while read -r line; do echo $line; done <Pulumi.dev.yaml")
    stack = SelectedStack("dev", file, {"PATH": str(project)})
    assert stack.secret("pw") == "x"
    with pytest.raises(StepError) as error:
        stack.secret("other")
    assert error.value.problem.next_command == f"pulumi config set --secret other --stack dev --config-file {file}"


def test_pulumi_gets_the_environment_of_the_stack_and_nothing_else(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passphrase in the environment of the user would be taken before that of local machines."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")
    pulumi(project, exported('{"x": "%s"}', "${PULUMI_CONFIG_PASSPHRASE-none}"))
    assert SelectedStack("dev", project, {"PATH": str(project)}).output("x") == "none"
    assert "PULUMI_CONFIG_PASSPHRASE" in os.environ


def test_the_state_is_read_by_one_start_of_pulumi(project: Path) -> None:
    """`make status` reads inputs and outputs of the state; a start costs most of a second."""
    secret = {stacks.SIGNATURE: stacks.SECRET, "plaintext": '"in clear"'}
    outputs = json.dumps({"kubeconfig": secret, "nodes": {"node1": [secret]}})
    program(project, "pulumi", f'echo "$@" >>{project}/starts\n{exported(outputs.replace(chr(92), chr(92) * 2))}')
    stack = SelectedStack("shop", project / "Pulumi.shop.yaml", {"PATH": f"{project}:/bin"})
    assert stack.recorded_inputs() == {}
    assert stack.output("kubeconfig") == "in clear"
    assert stack.outputs()["nodes"] == {"node1": ["in clear"]}
    assert (project / "starts").read_text().count("\n") == 1


def test_without_pulumi_it_says_what_installs_it(project: Path) -> None:
    """No other one is looked for."""
    with pytest.raises(StepError, match="expected the program pulumi") as error:
        SelectedStack("shop", project / "Pulumi.shop.yaml", {"PATH": str(project)}).output("kubeconfig")
    assert error.value.problem.next_command == "make tools installs it"


def test_a_stack_that_was_made_and_never_brought_up_has_no_recorded_inputs(project: Path) -> None:
    """Pulumi exports it all the same."""
    pulumi(project, """echo '{"version": 3, "deployment": null}'""")
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


@pytest.mark.parametrize("error", [StepError("x", expected="", seen="", next_command="make up"), RunError("x")])
def test_a_command_that_fails_says_why_without_a_traceback(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    """Components raise errors of Pulumi's, such as for Calico's manifest."""

    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr(images, "selected_stack", fail)
    assert __main__.main(["images", "shop"]) == 1
    assert re.fullmatch(r"\nx(: expected .*Next: make up)?\n", capsys.readouterr().err, re.DOTALL)
