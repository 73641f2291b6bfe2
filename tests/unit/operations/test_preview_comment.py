"""A preview becomes a comment that is read from above: plan, what changes, everything; and never a secret."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from local.paths import REPOSITORY
from operations import __main__ as operations
from operations.preview import _preview
from operations.preview._comment import LIMIT, Comparison, comment
from operations.preview._differences import differences
from operations.stack import stacks
from tests.unit.support.fake_pulumi import SECRET, FakePulumi, diagnostic, resource, summary

PLAN = "Plan\n  node3 is drained and leaves"
TEXT = """\
Previewing update (shop):
  pulumi:pulumi:Stack: (same)
    ~ command:remote:Command: (update)
        [urn=urn:pulumi:shop::kubeadm::command:remote:Command::node2/join]
        [provider=urn:pulumi:shop::kubeadm::pulumi:providers:command::default::1]
        - a hyphen of YAML
    +-command:remote:Command: (replace)
"""


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePulumi:
    """In place of the real one, whose events a test chooses."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(stacks, "TOOL_CHAIN_BIN", directory)
    monkeypatch.setattr(stacks, "REPOSITORY", tmp_path)
    (tmp_path / "Pulumi.shop.yaml").touch()
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "GITHUB_TOKEN", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    return FakePulumi(directory)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """What the command prints for the stack `shop`."""
    assert operations.main(["preview-comment", "shop", *arguments]) == status
    return capsys.readouterr().out


def test_the_plan_stands_above_what_changes_and_that_above_everything(
    pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not of the program's plan is not in it."""
    events = [
        diagnostic("info#err", "Installing something"),
        diagnostic("debug", "Plan of an engine"),
        diagnostic("info", PLAN),
        resource("node2/join", "update", {"stdin": "a\nb\n"}, {"stdin": "a\nc\n"}),
        resource("node1/init", "same", {"stdin": "a"}, {"stdin": "a"}),
        summary(same=70, update=1, delete=2),
    ]
    pulumi.set_output(events, TEXT)
    text = printed(capsys)
    assert text.startswith(
        "<!-- preview of stack shop -->\n\n### Preview of `shop`: 1 to update, 2 to delete, 70 unchanged"
    )
    order = [text.index(part) for part in (PLAN, "What changes, line by line", "-      b", "All that Pulumi says")]
    assert order == sorted(order)
    assert "Installing" not in text
    assert "engine" not in text
    assert "node1/init" not in text


def test_signs_of_resources_are_coloured_and_hyphens_of_yaml_are_not(
    pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that is only part of a file must not look like a deletion."""
    pulumi.set_output([summary(update=1)], TEXT)
    lines = printed(capsys).splitlines()
    assert "!     command:remote:Command: (update)" in lines
    assert "        - a hyphen of YAML" in lines
    assert not any("[provider=" in line for line in lines)


def test_a_preview_without_changes_is_a_heading(pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]) -> None:
    """In its heading, with nothing unfolded."""
    pulumi.set_output([resource("node1/init", "same", {"a": 1}, {"a": 1}), summary(same=75)])
    text = printed(capsys)
    assert "### Preview of `shop`: nothing changes\n" in text
    assert "What changes" not in text


def test_a_failed_preview_is_a_comment_too_and_fails_the_job(
    pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reviewer sees why without opening a log."""
    pulumi.set_output([diagnostic("error", "the stack file has 1 problem(s)")], status=255)
    text = printed(capsys, status=1)
    assert "### Preview of `shop`: it failed" in text
    assert "the stack file has 1 problem(s)" in text


def test_pulumi_that_fails_without_an_event_is_quoted(pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]) -> None:
    """Such a message names no command; the advice does, here for a user who is not logged in."""
    pulumi.set_output([], errors="error: PULUMI_ACCESS_TOKEN must be set", status=255)
    assert operations.main(["preview-comment", "shop"]) == 1
    shown = capsys.readouterr()
    assert "PULUMI_ACCESS_TOKEN must be set" in shown.out
    assert "Next: pulumi login" in shown.err


def test_no_text_ends_its_block_early(pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]) -> None:
    """What a stack file holds is displayed, and does nothing else in the page."""
    hostile = "```\n</details> @everyone\n`````"
    pulumi.set_output([diagnostic("info", f"Plan {hostile}"), summary(same=1)], hostile)
    text = printed(capsys)
    assert text.count("\n``````text\n") == 1
    assert text.count("\n``````diff\n") == 1


def test_a_changed_file_is_shown_by_its_lines_and_a_secret_is_not() -> None:
    """The lines around a change are there, those far from it are not."""
    before = {f"{number}": number for number in range(9)}
    text = "\n".join(f"line {number}\t" for number in range(9))
    old = {"u::s::t::node1": {"stdin": text, "connection": SECRET, "other": before}}
    new = {"u::s::t::node1": {"stdin": text.replace("line 4", "line four"), "connection": SECRET, "other": before}}
    lines = differences(old, new).splitlines()
    assert lines[0] == "!!! node1  (t) changes"
    assert [line for line in lines if line[0] in "+-"] == ["-      line 4\t", "+      line four\t"]
    assert "       line 2\t" in lines
    assert "       line 1\t" not in lines
    assert "ciphertext" not in "".join(lines)


def test_resources_that_come_and_go_are_named_and_a_changed_secret_is_not_silent() -> None:
    """What a reviewer has to know even where nothing can be displayed."""
    same = {"u::s::t::changed": {"password": SECRET}}
    found = differences(
        {"u::s::t::old": {"a": [1]}, **same}, {"u::s::t::new": {"a": [1], "b": SECRET}, **same}, {"u::s::t::changed"}
    )
    assert found.splitlines() == [
        "!!! changed  (t) changes: a secret, or what is only known later",
        "+++ new  (t) is new",
        "+    a:",
        "+      - 1",
        "+    b: [secret]",
        "--- old  (t) is deleted",
    ]


def test_long_lines_are_cut_and_remain_distinct() -> None:
    """The archive of scripts is one line, and changes with each script."""
    found = differences({"u::s::t::n": {"a": "x" * 5000 + "1"}}, {"u::s::t::n": {"a": "x" * 5000 + "2"}}).splitlines()
    removed, added = found[-2:]
    assert max(len(removed), len(added)) < 250
    assert "(5004 characters, " in removed
    assert removed[1:] != added[1:]


@pytest.mark.parametrize("part", ["plan", "diff", "changes", "errors"])
def test_a_comment_fits_whatever_is_long(part: str, pulumi: FakePulumi, tmp_path: Path) -> None:
    """Cut at a line, its blocks closed, with the number of lines that are missing."""
    long = "\n".join(f"Plan ä{number}" for number in range(30_000))
    found = _preview.Preview(
        plan=long if part == "plan" else PLAN,
        diff=long if part == "diff" else TEXT,
        changes={"same": 1},
        errors=(long,) if part == "errors" else (),
        before={},
        after={},
        touched=frozenset(),
    )
    text = comment("shop", found, Comparison("Base.", "1 to update", long if part == "changes" else "x"))
    assert 10_000 < len(text.encode()) <= LIMIT
    assert text.endswith("</details>\n")
    assert len(re.findall("^```", text, re.MULTILINE)) % 2 == 0
    assert re.search(r"^\d+ more lines do not fit here", text, re.MULTILINE)


def test_a_stack_is_previewed_in_the_backend_of_who_runs_it(
    pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real stack's state and passphrase are not ours to choose."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")
    printed(capsys)
    (call,) = pulumi.calls()
    assert call["environment"]["PULUMI_BACKEND_URL"] == "s3://state"
    given = Path(call["arguments"][call["arguments"].index("--config-file") + 1])
    assert given.name == "Pulumi.shop.yaml"
    assert given.exists()


@pytest.mark.parametrize("name", ["ci", "acme/ci"])
def test_an_empty_state_needs_no_login_and_leaves_the_stack_file_alone(
    pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Pulumi writes a salt into the stack file that it is given. Its own backend knows no organisations."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")
    monkeypatch.setattr(_preview, "own_environment", lambda: {**os.environ, "PULUMI_CONFIG_PASSPHRASE_FILE": "x"})
    assert operations.main(["preview-comment", name, "--empty-state"]) == 0
    init, preview = pulumi.calls()
    assert init["arguments"][:3] == ["stack", "init", "ci"]
    for call in (init, preview):
        assert call["environment"]["PULUMI_BACKEND_URL"].startswith("file://")
        assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in call["environment"]
    given = Path(preview["arguments"][preview["arguments"].index("--config-file") + 1])
    assert not given.is_relative_to(REPOSITORY)
    assert not given.exists()


def test_a_stack_that_is_not_there_is_named(pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]) -> None:
    """With the command that makes one."""
    assert operations.main(["preview-comment", "shop", "--empty-state"]) == 1
    assert "make new-stack NAME=shop" in capsys.readouterr().err


def test_a_stack_without_a_cluster_is_compared_with_the_preview_of_another_commit(
    pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that a reviewer sees what a change does, and not that everything is new, as it always is."""
    monkeypatch.setattr(_preview, "own_environment", lambda: {**os.environ, "PULUMI_CONFIG_PASSPHRASE_FILE": "x"})
    before = [
        resource("n1", "create", None, {"a": "old"}),
        resource("n2", "create", None, {"a": "b"}),
        summary(create=2),
    ]
    after = [
        resource("n1", "create", None, {"a": "new"}),
        resource("n2", "create", None, {"a": "b"}),
        summary(create=2),
    ]
    pulumi.set_output(after)
    pulumi.set_output(before, where="commit")
    assert operations.main(["preview-comment", "ci", "--empty-state", "--base", "HEAD"]) == 0
    text = capsys.readouterr().out
    assert "### Preview of `ci`: 1 of 2 resources differ\n" in text
    assert "-    a: old\n+    a: new\n" in text
    assert "n2" not in text
