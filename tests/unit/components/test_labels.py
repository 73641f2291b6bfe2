"""Labels of nodes: no deletion of their resource may reach the cluster, where it would make a node anew."""

from __future__ import annotations

from pathlib import Path

from tests.unit.support.recording import Recording, Registered, record, stack_of

LABELS = "kubernetes:core/v1:NodePatch"


def labelled(directory: Path, before: Recording | None = None, **changed: object) -> list[Registered]:
    """The labels that an update registers for two workers with a label each, where one line is changed."""
    stack = stack_of(directory, "node2", "node3")
    stack["hosts"]["node2"]["labels"] = {"zone": "a"}
    stack["hosts"]["node3"] |= {"labels": {"zone": "b"}, **changed}
    return sorted(record(stack, preview=False, before=before).of_type(LABELS), key=lambda each: each.name)


def test_labels_of_a_machine_that_is_gone_are_not_taken_back_from_its_node(directory: Path) -> None:
    """Its node is deleted by then; the provider would make it anew, for a machine that is none."""
    before = labelled(directory)
    assert [each.name for each in before] == ["node2", "node3"]
    assert all(each.request.retainOnDelete for each in before)
    assert [each.name for each in labelled(directory, Recording(before, {}), gone=True)] == ["node2"]


def test_labels_that_are_deleted_from_the_stack_file_leave_the_node(directory: Path) -> None:
    """By an update of their resource, which stays without any; a host that never had one has no resource."""
    before = labelled(directory)
    without = labelled(directory, Recording(before, {}), labels={})
    assert [each.inputs["metadata"]["labels"] for each in without] == [{"zone": "a"}, {}]
    later = labelled(directory, Recording(without, {}), labels={})
    assert [each.inputs for each in later] == [each.inputs for each in without]
    assert [each.name for each in labelled(directory, labels={})] == ["node2"]
