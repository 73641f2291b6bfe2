"""Secrets that steps return are sealed for a key that only the state has."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pulumi
import pytest

from components.host_files.results import RECIPIENT
from components.lifetime import NOT_MINTED, sealing_key_of
from components.steps.last_update import LastUpdate, RecordedStep, last_update_of
from components.steps.of_control_plane import KUBECONFIG_OWNER
from components.steps.result import END, RESULT, RESULT_WITHOUT_END
from components.steps.sealing import CutOffError, SealedForAnotherKeyError, SealingKey
from components.steps.step import StepName
from tests.unit.support import recording
from tests.unit.support.planning import state_of, wanted_by
from tests.unit.support.recording import Recording, Registered, record, stack_of

KEY = SealingKey.minted()


def sealed(text: str, directory: Path, key: SealingKey = KEY) -> str:
    """A text as scripts/lib/results.sh seals it."""
    certificate = directory / "recipient.pem"
    certificate.write_text(key.certificate)
    command = ["openssl", "cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "PEM", str(certificate)]
    return subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout.decode()


def stash_of(run: Recording) -> Registered:
    """Where a run keeps the key."""
    (found,) = [each for each in run.of_type("pulumi:index:Stash") if each.name == "sealing-key"]
    return found


@pytest.mark.parametrize("text", ["abcdef.0123456789abcdef\n", "a: ä\r\n" * 2000, "\n", "abcdef.0\n\n192.0.2.1"])
def test_what_openssl_seals_is_opened_byte_for_byte(text: str, tmp_path: Path) -> None:
    """Of any length, with any end of a line."""
    result = sealed(text, tmp_path)
    assert text.strip() not in result or not text.strip()
    assert KEY.opened(result) == text


@pytest.mark.parametrize("text", ["", "abcdef.0123456789abcdef\n", "clusters:\n- name: dev\n"])
def test_a_result_of_an_older_version_is_taken_as_it_is(text: str) -> None:
    """The state keeps it, and nothing runs again."""
    assert KEY.opened(text) == text


def test_a_result_that_is_sealed_for_another_key_is_an_error_without_its_text(tmp_path: Path) -> None:
    """As where a machine has the certificate of a state that was lost."""
    result = sealed("a secret\n", tmp_path, SealingKey.minted())
    with pytest.raises(SealedForAnotherKeyError) as raised:
        KEY.opened(result)
    assert "BEGIN" not in str(raised.value)
    assert KEY.private_key not in repr(KEY)


def test_a_result_for_another_key_is_told_by_its_own_command(directory: Path, tmp_path: Path) -> None:
    """What comes before the update that mends it passes over the result; a membership is never replaced."""
    other = sealed("a secret\n", tmp_path, SealingKey.minted())
    recorded = {(KUBECONFIG_OWNER, StepName.KUBECONFIG): RecordedStep("", {}, other)}
    last = LastUpdate(steps=recorded, sealing_key=KEY)
    assert last.secret_result(KUBECONFIG_OWNER, StepName.KUBECONFIG) == ""
    wanted = wanted_by(stack_of(directory, "node2"), LastUpdate(sealing_key=KEY))
    for subject, name, again in (
        (KUBECONFIG_OWNER, StepName.KUBECONFIG, "pulumi up --stack test --replace '**/access/kubeconfig'"),
        ("node2", StepName.MEMBERSHIP, "pulumi up"),
    ):
        with pytest.raises(pulumi.RunError, match=rf"node1: {name}: expected a result that is sealed") as raised:
            wanted.secret_in(wanted.step(subject, name), other)
        assert str(raised.value).rstrip().endswith(f"make repair STACK=test HOST=node1; then {again}")


def test_a_result_that_is_cut_off_anywhere_is_told_as_such(tmp_path: Path) -> None:
    """As by a sudo with `log_output`: it is whole, or an error, and never a part of a token or a kubeconfig."""
    text = f"abcdef.0123456789abcdef\n{'0' * 64}\n192.0.2.11\n"
    result = sealed(text, tmp_path)
    for end in range(1, len(result)):
        try:
            opened = KEY.opened(result[:end])
        except CutOffError:
            continue
        assert opened == text, end
        assert end > len(result) - len("=\n-----END CMS-----\n") - 2, "the end of the answer alone is not missed"


@pytest.mark.parametrize("cut", ["", RESULT, f"motd\n{RESULT}", f"{RESULT}abcdef.01", "sealed"])
@pytest.mark.parametrize("are_members", [False, True])
def test_the_command_of_a_result_that_is_cut_off_says_how_to_get_another(
    directory: Path, tmp_path: Path, cut: str, *, are_members: bool
) -> None:
    """An answer that was none is no Ready node. No host is taken out of the stack, also one that is not Ready."""
    last = state_of(record(stack_of(directory, "node2"), preview=False)) if are_members else LastUpdate()
    last = dataclasses.replace(last, sealing_key=KEY)
    wanted = wanted_by(stack_of(directory, "node2"), last)
    for subject, name, again in (
        (KUBECONFIG_OWNER, StepName.KUBECONFIG, "pulumi up --stack test --replace '**/access/kubeconfig'"),
        ("node2", StepName.MEMBERSHIP, "pulumi up"),
    ):
        with pytest.raises(pulumi.RunError, match=rf"node1: {name}: expected the whole result of the step") as raised:
            wanted.secret_in(wanted.step(subject, name), sealed("a\n", tmp_path)[:-60] if cut == "sealed" else cut)
        assert "saw an answer without its end" in str(raised.value)
        assert str(raised.value).rstrip().endswith(f"docs/security.md; then {again}")


def test_a_result_that_is_nothing_has_its_lines(directory: Path) -> None:
    """Of a node that is Ready. The line before results of an older version promised no end."""
    wanted = wanted_by(stack_of(directory, "node2"), LastUpdate(sealing_key=KEY))
    for printed in (f"{RESULT}{END}", f"motd\n{RESULT}{END}\n", RESULT_WITHOUT_END):
        assert wanted.secret_in(wanted.step("node2", StepName.MEMBERSHIP), printed) == ""


@pytest.mark.parametrize("printed", ["", RESULT, f"{RESULT}abcdef", "cut", "other key"])
def test_a_membership_whose_result_was_not_read_runs_again(directory: Path, tmp_path: Path, printed: str) -> None:
    """The host is a node, so its next update would mint no token otherwise. No other step runs, and none twice."""
    if printed in {"cut", "other key"}:
        result = sealed("a secret\n", tmp_path, SealingKey.minted() if printed == "other key" else KEY)
        printed = RESULT + (f"{result}{END}" if printed == "other key" else result[:-60])
    stack = stack_of(directory, "node2")
    first = record(stack, preview=False)
    state = recording.state_of(first.resources)
    (urn,) = [urn for urn in state if urn.endswith("/node2/membership")]
    state[urn]["outputs"]["stdout"] = printed
    before, last = state_of(first), last_update_of("cluster", state)
    assert last.is_member("node2")
    step = wanted_by(stack, last).step("node2", StepName.MEMBERSHIP)
    assert step.variables["ATTEMPT"] == "2"
    assert wanted_by(stack, before).step("node2", StepName.MEMBERSHIP).variables["ATTEMPT"] == "1"
    gone = stack | {"hosts": {**stack["hosts"], "node2": {**stack["hosts"]["node2"], "gone": True}}}
    assert wanted_by(gone, last).step("node2", StepName.MEMBERSHIP).variables["ATTEMPT"] == "1"


def test_the_recorded_kubeconfig_is_read_through_the_key(tmp_path: Path) -> None:
    """The authority of the cluster and the day of expiry come from it."""
    kubeconfig = RecordedStep("", {}, sealed(recording.KUBECONFIG, tmp_path))
    last = LastUpdate(steps={(KUBECONFIG_OWNER, StepName.KUBECONFIG): kubeconfig}, sealing_key=KEY)
    assert last.secret_result(KUBECONFIG_OWNER, StepName.KUBECONFIG) == recording.KUBECONFIG
    assert last.secret_result("node9", StepName.MEMBERSHIP) == ""


def test_the_key_is_minted_once_and_is_a_secret_in_the_state(directory: Path) -> None:
    """Control planes get its certificate; a preview before the first update has a constant in its place."""
    preview = record(stack_of(directory, "node2"), preview=True)
    assert stash_of(preview).inputs["input"] == dataclasses.asdict(SealingKey(NOT_MINTED, ""))
    first = record(stack_of(directory, "node2"), preview=False)
    key = SealingKey(**stash_of(first).inputs["input"])
    assert stash_of(first).is_secret("input")
    assert key.certificate in first.commands["node1/prepare"].inputs["stdin"]
    assert RECIPIENT not in first.commands["node2/prepare"].inputs["stdin"]
    second = record(stack_of(directory, "node2"), preview=False, before=first)
    assert second.changed_since(first) == set()


def test_a_cluster_of_an_older_version_gets_a_key_and_runs_its_preparation_alone(directory: Path) -> None:
    """No kubeconfig is revoked, no membership visited, and no node joins again."""
    before = record(stack_of(directory, "node2"), preview=False)
    older = Recording([each for each in before.resources if each is not stash_of(before)], before.outputs)
    after = record(stack_of(directory, "node2"), preview=False, before=older)
    assert after.changed_since(older) == {"sealing-key", "node1/prepare"}


def test_a_placeholder_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever recorded it."""
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    assert sealing_key_of(LastUpdate(sealing_key=SealingKey(NOT_MINTED, ""))).private_key
    assert sealing_key_of(LastUpdate(sealing_key=KEY)) is KEY
