"""What the real engine makes of the state: two clusters in a program, updates that fail, refresh, destroy.

Machines are stand-ins: what these tests are about is between the program and the engine.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.bench.stand_ins import StandIns, stand_ins
from tests.engine.project import HOSTS, PROGRAM, Project

HOSTS_ONLY = PROGRAM.format(module="tests.bench.hosts_only", cluster="HostsOnly")
OTHER_KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"x" * 32).decode()
IDENTITIES = ("blue/identity", "green/identity")


@pytest.fixture(scope="module")
def machines() -> Iterator[StandIns]:
    """Machines whose steps do nothing."""
    with stand_ins() as found:
        yield found


def test_two_clusters_live_in_one_stack_and_change_alone(tmp_path: Path, machines: StandIns) -> None:
    """Each reads its own steps, and none the foreign command, which has no standard input."""
    project = Project(tmp_path, machines, HOSTS_ONLY)
    project.run("up", "--yes", "--skip-preview")
    assert {"blue/node2/join", "green/node2/join", "backup"} <= set(project.resources())
    project.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    project.configure(HOSTS | {"blue": (1, 2, 5)})
    before = set(project.resources())
    preview = project.run("preview")
    assert "node3: is prepared and joins" in preview
    assert preview.count("nothing is done to any node") == 1, "the plan of the other cluster"
    project.run("up", "--yes", "--skip-preview")
    added = set(project.resources()) - before
    assert added
    assert {name.rpartition("/")[0] or name for name in added} <= {"blue", "blue/node3"}


def test_the_preview_of_a_program_with_two_clusters_shows_both(tmp_path: Path, machines: StandIns) -> None:
    """With every object of both; nothing is dialled."""
    project = Project(tmp_path, machines, PROGRAM.format(module="components.cluster", cluster="Cluster"))
    before = machines.logins()
    preview = project.run("preview", "--diff")
    for name in ("blue", "green"):
        assert f"::{name}/DaemonSet:kube-system/calico-node]" in preview
    assert machines.logins() == before


def test_a_refresh_and_a_rename_change_nothing_and_a_destroy_visits_nobody(tmp_path: Path, machines: StandIns) -> None:
    """The engine keeps the identity through all of them."""
    project = Project(tmp_path, machines, HOSTS_ONLY)
    project.run("up", "--yes", "--skip-preview")
    minted = {name: project.resources()[name]["outputs"]["output"] for name in IDENTITIES}
    assert len(set(minted.values())) == len(IDENTITIES)
    before = machines.logins()
    project.run("refresh", "--yes")
    project.run("up", "--yes", "--expect-no-changes")
    project.run("stack", "rename", "renamed")
    project.run("up", "--yes", "--expect-no-changes")
    assert {name: project.resources()[name]["outputs"]["output"] for name in IDENTITIES} == minted
    project.run("destroy", "--yes")
    assert machines.logins() == before


def test_no_replacement_resets_a_machine_or_takes_a_node_away(tmp_path: Path, machines: StandIns) -> None:
    """The replacement is refused before any login, all else stays recorded, and the next command of the error works."""
    project = Project(tmp_path, machines, HOSTS_ONLY)
    project.run("up", "--yes", "--skip-preview")
    before = machines.logins()

    def refused(*arguments: str) -> str:
        status, printed = project.attempt("up", "--yes", "--skip-preview", *arguments)
        assert status != 0
        assert "saw a replacement" in printed
        assert machines.logins() == before
        return printed

    refused("--replace", "**/prepare")
    refused("--target-replace", "**/node2/membership", "--continue-on-error")
    project.run("state", "taint", "--yes", project.resources()["blue/node1/prepare"]["urn"])
    (untaint,) = re.findall(r"pulumi (state untaint .*) if it is tainted", refused())
    project.run(*shlex.split(untaint), "--yes")
    project.run("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_a_machine_that_is_not_to_be_reset_is_forgotten_with_its_line(tmp_path: Path, machines: StandIns) -> None:
    """By the advice of a refused reset: `gone: true` in the line that is written back, then the line is deleted."""
    project = Project(tmp_path, machines, HOSTS_ONLY)
    project.run("up", "--yes", "--skip-preview")
    project.configure(HOSTS | {"blue": (1,)})
    fails = machines.private_key.with_name("answers") / "fails"
    fails.write_text("prepare")
    status, printed = project.attempt("up", "--yes", "--skip-preview")
    fails.unlink()
    assert status != 0
    assert "blue/node2/prepare" in printed
    project.configure(HOSTS)
    file = tmp_path / "Pulumi.two.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"]["kubeadm:blue"]["hosts"]["node2"]["gone"] = True
    file.write_text(yaml.safe_dump(content))
    before = machines.logins()
    project.run("up", "--yes", "--skip-preview")
    project.configure(HOSTS | {"blue": (1,)})
    project.run("up", "--yes", "--skip-preview")
    assert machines.logins() == before
    assert not [name for name in project.resources() if name.startswith("blue/node2/")]


def test_an_update_that_fails_at_its_first_machine_has_kept_the_identity(tmp_path: Path, machines: StandIns) -> None:
    """Machines that were reached are marked with it; the scripts did not reach the others, which is explained."""
    project = Project(tmp_path, machines, HOSTS_ONLY)
    file = tmp_path / "Pulumi.two.yaml"
    right = file.read_text()
    file.write_text(right.replace(machines.host_key, OTHER_KEY))
    status, printed = project.attempt("up", "--yes", "--skip-preview")
    assert status != 0
    assert "node1: prepare: expected the SSH host key that the stack pins" in printed
    resources = project.resources()
    assert not [name for name in resources if name.endswith("/prepare")]
    minted = {name: resources[name]["outputs"]["output"] for name in IDENTITIES}
    file.write_text(right)
    project.run("up", "--yes", "--skip-preview")
    assert {name: project.resources()[name]["outputs"]["output"] for name in IDENTITIES} == minted
    assert f"CLUSTER_ID={minted['blue/identity']}" in project.resources()["blue/node1/prepare"]["inputs"]["stdin"]
