"""The standard input of a command: bash reads the inputs of the step, and a later version reads them again."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.host_files import File
from components.settings import Settings
from components.settings.stack_file import parse_settings
from components.steps import scripts, stdin
from components.steps.remote import CREATE, VERIFY
from components.steps.stdin import inputs_of, prologue, staged
from components.steps.step import Step, StepName, UndoName, Value
from tests.unit.support.files import prepared_files
from tests.unit.support.stacks import smallest

HOSTILE = [
    "two  spaces and a tab\t",
    'it\'s "quoted"',
    "$(touch hacked) `touch hacked` ${HOME} $HOME",
    "line one\nline two\n\n\n",
    "back\\slash \\n \\",
    "-n",
    "%s %d",
    "EOF\nKUBECONFIG\n. /etc/passwd\n",
    "!history * ? [a-z] ~ # & ; | < >",
    "carriage\r\nreturn",
    "umlaut \u00fc, snowman \u2603",
    "",
]


def bytes_given_back(directory: Path, content: str) -> tuple[bytes, bytes]:
    """A value and a file's content, after prologue and staging went through a real bash."""
    (directory / "run.sh").write_text('stage() { printf "%s" "$3" >"$2"; }\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stdin, "LIBRARY", str(directory))
        text = prologue("step", {"VALUE": content}) + staged([File(str(directory / "file"), content)])
    # Read as on a host: from standard input, strictly.
    subprocess.run(
        ["bash", "-euo", "pipefail", "-s"],
        input=f"{text}printf '%s' \"$VALUE\" >{directory}/value\n".encode(),
        cwd=directory,
        check=True,
        timeout=20,
    )
    return (directory / "value").read_bytes(), (directory / "file").read_bytes()


@pytest.mark.parametrize("content", HOSTILE)
def test_hostile_text_arrives_as_it_is(tmp_path: Path, content: str) -> None:
    """Neither run nor split nor cut."""
    assert bytes_given_back(tmp_path, content) == (content.encode(), content.encode())
    assert not (tmp_path / "hacked").exists()


@hypothesis_settings(max_examples=30)
@given(content=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_arrives_as_it_is(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    """All but the NUL, which no variable can hold."""
    directory = tmp_path_factory.mktemp("any")
    assert bytes_given_back(directory, content) == (content.encode(), content.encode())


def test_a_step_gets_its_name_and_the_arguments_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sourced file has arguments of its own: without care it never learns that it is to verify."""
    monkeypatch.setattr(stdin, "LIBRARY", str(tmp_path))
    (tmp_path / "run.sh").write_text('printf "%s," "$@"\n')
    for command, expected in [(CREATE, "init,"), (VERIFY, "init,verify,")]:
        arguments = command.removeprefix("sudo -n ").split()
        finished = subprocess.run(
            arguments, input=prologue("init", {}), capture_output=True, text=True, check=True, timeout=20
        )
        assert finished.stdout == expected


def test_the_lines_of_a_file_stay_lines(tmp_path: Path) -> None:
    """A preview shows which line of a file changes."""
    assert "\nsecond line\n" in staged([File("/etc/example", "first line\nsecond line\nthird line\n")])


def test_the_scripts_travel_as_the_same_text_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version of the scripts is a value of `prepare`: otherwise every preview would show a change."""
    version, text = scripts.scripts_version(), scripts.install_scripts()
    scripts.scripts_version.cache_clear()
    scripts._archive.cache_clear()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert (scripts.scripts_version(), scripts.install_scripts()) == (version, text)


def test_the_inputs_of_a_recorded_command_are_given_to_another_script() -> None:
    """From a directory that is gone afterwards; the installed scripts are neither used nor changed."""
    text = prepare_text(parse_settings(smallest()))
    again = scripts.rerun(text, "drift")
    assert f"\n. {stdin.LIBRARY}" not in again
    assert again.splitlines()[-1] == "run_step drift"
    assert inputs_of(again) == inputs_of(text)
    assert "delete" not in again.rpartition("ARCHIVE")[2]
    with_more = inputs_of(scripts.rerun(text, "drift", [File("/etc/x", "it's", "0600")]))
    assert with_more.files == {**inputs_of(text).files, "/etc/x": "it's"}


def test_a_script_that_runs_again_has_a_log_of_its_own_and_its_values() -> None:
    """No text of a recorded value is taken for the entry point or for the last line."""
    tricky = f"run_step x\n. {stdin.LIBRARY}/run.sh prepare $@\nexport B=1"
    text = stdin.prologue("prepare", {"A": tricky, "C": "old"}) + "run_step prepare reset\n"
    again = stdin.rerun_as(text, "drift", values={"C": "it's"})
    assert f'. {stdin.LIBRARY}/run.sh drift "$@"\n' in again
    assert inputs_of(again).values == {"A": tricky, "C": "it's"}


@given(st.text("ab=#'\"\\ \t\n\f\u00a0$@", max_size=12))
def test_the_words_of_a_recorded_command_are_those_of_a_shell(text: str) -> None:
    """Quotes within quotes, lines, and spaces that are none to a shell; a quote without its end is refused."""
    try:
        expected = shlex.split(text)
    except ValueError as refused:
        with pytest.raises(ValueError, match=str(refused)):
            stdin._words(text)
    else:
        assert stdin._words(text) == expected


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (0, "0"), ("a b", "a b"), (("a", "b"), "a\nb"), ((), "")]
)
def test_a_value_becomes_a_variable_in_one_way(value: Value, text: str) -> None:
    """Truth is `true` or `false`, a list has one item a line."""
    host = parse_settings(smallest()).control_planes[0]
    assert Step(StepName.INIT, host.name, host, {"A": value}).variables == {"HOST_NAME": "node1", "A": text}


def prepare_text(settings: Settings) -> str:
    """Standard input of the first command of the control plane."""
    host = settings.control_planes[0]
    files = prepared_files(host, settings)
    return Step(StepName.PREPARE, host.name, host, {"A": "1"}, files, undo=UndoName.RESET).text()
