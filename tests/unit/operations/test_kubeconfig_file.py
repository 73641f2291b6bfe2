"""Entries are added to a kubeconfig on disk, and nothing of others is lost."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.access.kubeconfig_file import Kubeconfig, merge_into
from problem import StepError

ENTRIES: Kubeconfig = {
    "clusters": [{"name": "kubeadm/shop", "cluster": {"server": "https://192.0.2.1:6443"}}],
    "users": [{"name": "jo@shop", "user": {"token": "new"}}],
    "contexts": [{"name": "jo@shop", "context": {"cluster": "kubeadm/shop", "user": "jo@shop"}}],
    "current-context": "jo@shop",
}


def test_other_entries_keep_their_content_and_order(tmp_path: Path) -> None:
    """Entries of the same names are replaced where they are; the current context stays."""
    file = tmp_path / "config"
    other = {"name": "zoo", "cluster": {"server": "https://192.0.2.9"}}
    old: Kubeconfig = {
        "preferences": {"colors": True},
        "clusters": [other, {"name": "kubeadm/shop", "cluster": {"server": "old"}}, other | {"name": "a"}],
    }
    old |= {"users": [{"name": "jo@shop", "user": {"token": "old"}}], "contexts": None, "current-context": "zoo"}
    file.write_text(yaml.safe_dump(old, sort_keys=False))
    file.chmod(0o644)
    merge_into(file, ENTRIES)
    merged = yaml.safe_load(file.read_text())
    assert merged["clusters"] == [other, ENTRIES["clusters"][0], other | {"name": "a"}]
    assert merged["users"] == ENTRIES["users"]
    assert merged["contexts"] == ENTRIES["contexts"]
    assert (merged["current-context"], merged["preferences"]) == ("zoo", {"colors": True})
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["config"]


@pytest.mark.parametrize("content", ["[1, 2]", "clusters: {a: b}", "clusters: [{}]", "{", "\x00"])
def test_a_file_that_is_no_kubeconfig_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    """Whatever it is."""
    file = tmp_path / "config"
    file.write_text(content)
    with pytest.raises(StepError, match="to be a kubeconfig"):
        merge_into(file, ENTRIES)
    assert file.read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["config"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """As people have them to a folder that is synchronized."""
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    merge_into(link, ENTRIES)
    assert link.is_symlink()
    assert yaml.safe_load(target.read_text())["users"] == ENTRIES["users"]


def test_a_file_that_kubectl_writes_to_is_left_alone(tmp_path: Path) -> None:
    """It locks with the same file; the lock is not ours to take away, but a person's, by the command that is named."""
    file = tmp_path / "of a lab" / "config"
    file.parent.mkdir()
    lock = file.with_name("config.lock")
    lock.touch()
    with pytest.raises(StepError, match="no other program") as error:
        merge_into(file, ENTRIES)
    assert lock.exists()
    assert not file.exists()
    subprocess.run(error.value.problem.next_command.partition("if there is none, ")[2], shell=True, check=True)  # noqa: S602
    merge_into(file, ENTRIES)


def context(name: str, cluster: str, user: str) -> dict[str, Any]:
    """An entry."""
    return {"name": name, "context": {"cluster": cluster, "user": user}}


@pytest.mark.parametrize(
    "other",
    [context("work", "kubeadm/shop", "me"), context("jo@shop", "work", "jo"), {"name": "jo@shop", "context": None}],
)
def test_entries_of_other_programs_are_left_to_them(tmp_path: Path, other: dict[str, Any]) -> None:
    """Also where they have names of ours. The command that is named is for this file, and not for ~/.kube/config."""
    file = tmp_path / "config of others"
    clusters = [{"name": "kubeadm/shop", "cluster": {"server": "https://192.0.2.9"}}]
    text = yaml.safe_dump({"clusters": clusters, "contexts": [other]})
    file.write_text(text)
    with pytest.raises(StepError, match="of another program") as error:
        merge_into(file, ENTRIES)
    command = shlex.split(error.value.problem.next_command.partition("nobody needs it, ")[2])
    assert command == ["kubectl", "config", "delete-context", other["name"], "--kubeconfig", str(file)]
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("other", "server"),
    [
        (context("ann@shop", "kubeadm/shop", "ann@shop"), "https://192.0.2.9"),
        (context("jo@shop", "shop", "jo@shop"), "https://192.0.2.9"),
        (context("renamed", "kubeadm/shop", "jo@shop"), "https://192.0.2.1:6443"),
        (context("work", "shop", "me"), "https://192.0.2.9"),
    ],
)
def test_entries_of_ours_follow_a_new_cluster(tmp_path: Path, other: dict[str, Any], server: str) -> None:
    """A context that a person renamed does no harm where the cluster is the same."""
    file = tmp_path / "config"
    clusters = [{"name": "kubeadm/shop", "cluster": {"server": server}}, {"name": "shop", "cluster": {"server": "a"}}]
    file.write_text(yaml.safe_dump({"clusters": clusters, "contexts": [other]}))
    merge_into(file, ENTRIES)
    merged = yaml.safe_load(file.read_text())
    assert merged["clusters"] == [ENTRIES["clusters"][0], clusters[1]]
    assert ENTRIES["contexts"][0] in merged["contexts"]
    assert other in merged["contexts"] or other["name"] == "jo@shop"


@pytest.mark.parametrize(
    "place", ["directory", "file/config", "file/below/config", "circle", "/proc/none/config", "/proc/config"]
)
def test_a_place_that_cannot_be_written_is_said_to_be(tmp_path: Path, place: str) -> None:
    """Nothing is left behind."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(StepError, match="expected a file that can be written"):
        merge_into(tmp_path / place, ENTRIES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["circle", "directory", "file"]
