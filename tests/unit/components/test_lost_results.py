"""Results that did not arrive: what is read from them would be silent for ever."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from components.steps.result import END, RESULT, RESULT_WITHOUT_END
from tests.unit.support import recording
from tests.unit.support.recording import record, stack_of

CUT = ["", RESULT, f"{RESULT}cert", f"motd\n{RESULT}certificate ca 2101-01-01\n-- end of"]


def lost(directory: Path, printed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The warnings of results in an update whose steps print this."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    usual = recording._Machines._printed
    monkeypatch.setattr(recording._Machines, "_printed", staticmethod(lambda name: printed.get(name, usual(name))))
    stack = stack_of(directory, "node2", "node3")
    stack["hosts"]["node2"]["role"] = "control-plane"
    record(stack, preview=False)
    return [each for each in warnings if "the whole result of the step" in each or "machine-id on" in each]


@pytest.mark.parametrize("printed", CUT)
@pytest.mark.parametrize("step", ["node1/prepare", "node1/init", "node2/join", "node3/prepare"])
def test_a_result_that_did_not_arrive_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, printed: str
) -> None:
    """Otherwise no certificate would expire, and no machine be a copy. The command says what the result would."""
    (warning,) = lost(tmp_path, {step: printed}, monkeypatch)
    host, _, name = step.partition("/")
    look = "cat /etc/machine-id" if name == "prepare" else "sudo kubeadm certs check-expiration"
    assert warning.startswith(f"{host}: {name}: expected the whole result of the step: the ")
    assert "saw an answer without its end" in warning
    assert f" {look}" in warning.partition("Next: ssh ")[2]


def test_a_result_that_arrived_is_not_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one of an older version, and that of a worker's join, which has nothing to say."""
    older = {"node1/init": f"{RESULT_WITHOUT_END}certificate ca 2101-01-01\n", "node3/join": ""}
    whole = {"node2/join": f"{RESULT}certificate ca 2101-01-01\n{END}"}
    assert lost(tmp_path, older | whole, monkeypatch) == []


def test_the_beginnings_of_two_machine_ids_are_no_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told to give a machine an identifier of its own for a result that was cut off."""
    printed = {f"{host}/prepare": f"{RESULT}5f" for host in ("node1", "node3")}
    assert sorted(each.partition(":")[0] for each in lost(tmp_path, printed, monkeypatch)) == ["node1", "node3"]
