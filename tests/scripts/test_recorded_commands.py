"""What a recorded command may rely on, for ever: docs/architecture.md, "The life of a step".

The texts are written out here, and not made by the program: a state keeps them for as long as a host is in its stack.
"""

from __future__ import annotations

import fcntl
import os

import pytest

from components.steps.result import result_of
from tests.scripts.machine import LIBRARY, Machine

MEMBERSHIP = """\
export HOST_NAME=node1
export NODE_NAME=node2
export NODE_IP=192.0.2.12
export NODE_ROLE=worker
export KUBERNETES_VERSION=1.36.3
export TAINTS=''
export IS_GONE=false
export ATTEMPT=1
. /usr/local/lib/pulumi-kubeadm/run.sh membership "$@"
run_step membership leave
"""
MEMBERSHIP_OF_0_2_0 = """\
export HOST_NAME=node1
export WORKER_NAME=node2
export KUBERNETES_VERSION=1.36.3
export TAINTS=''
export ATTEMPT=1
. /usr/local/lib/pulumi-kubeadm/run.sh membership "$@"
run_step membership leave
"""
STAGED = """\
export HOST_NAME=node1
export OLD_NAME=old
. /usr/local/lib/pulumi-kubeadm/run.sh prepare "$@"
stage 0600 /etc/example 'it'"'"'s
two lines
'
run_step prepare reset
"""


ANNOUNCED = "/run/pulumi-kubeadm/leaving/node2"
"""The file by which an update announces to a control plane that a host leaves."""


@pytest.fixture
def host(machine: Machine) -> Machine:
    """A machine with this version of the scripts."""
    machine.install()
    return machine


@pytest.mark.parametrize("recorded", [MEMBERSHIP, MEMBERSHIP_OF_0_2_0])
def test_a_worker_that_joined_once_leaves_by_its_recorded_command(host: Machine, recorded: str) -> None:
    """Whatever the scripts are by then."""
    host.stub("kubectl", 'case "$*" in *"output name"*) echo node/node2 ;; *Ready*) echo True ;; esac')
    host.write("/var/lib/pulumi-kubeadm/drain-timeout-seconds", "5")
    host.write(ANNOUNCED, "")
    finished = host.send(host.relocated(recorded), "delete")
    assert finished.status == 0, finished.stderr
    assert "kubectl delete node node2" in "\n".join(host.calls())


@pytest.mark.parametrize("announced", [None, "another", "long ago", "written back"])
def test_no_node_leaves_that_no_update_announced(host: Machine, announced: str | None) -> None:
    """A destroy of a part deletes commands of hosts that stay, and runs no program."""
    answers = '*"output name"*) echo node/node2 ;; *Ready*) echo True ;; *nodeInfo*) echo v1.36.3 ;;'
    host.stub("kubectl", f'case "$*" in {answers} esac')
    if announced:
        file = host.write(f"{ANNOUNCED}2" if announced == "another" else ANNOUNCED, "")
        os.utime(file, (0, 0) if announced == "long ago" else None)
    if announced == "written back":
        assert host.send(host.relocated(MEMBERSHIP)).status == 0
    host.calls()
    finished = host.send(host.relocated(MEMBERSHIP), "delete")
    assert finished.status == 1
    assert "node1: membership: expected an update of a stack that node2 has left" in finished.stderr
    assert "no update announced since this machine started, as by a destroy of a part" in finished.stderr
    assert "pulumi up, which announces a host that left, and" in finished.stderr
    assert host.calls() == []


def test_a_recorded_command_finds_its_variables_its_files_and_its_mode(host: Machine) -> None:
    """Variables that no script reads any more do not hurt."""
    look = 'echo "$OLD_NAME $STEP $MODE $HOST_NAME"; cd "$STAGING/files/etc"; cat example; stat --format %a example'
    for script in ("prepare", "reset"):
        host.script(script, f'. "$LIBRARY/lib/lib.sh"\necho {script}; {look}\n')
    host.install()
    text = on(host, STAGED)
    printed = "old prepare {} node1\nit's\ntwo lines\n600\n"
    assert host.send(text).stdout == "prepare\n" + printed.format("create")
    assert host.send(text, "verify").stdout == "prepare\n" + printed.format("verify")
    assert host.send(text, "delete").stdout == "reset\n" + printed.format("delete")


SHARED = """\
export HOST_NAME=node1
. /usr/local/lib/pulumi-kubeadm/run.sh prepare "$@"
share 0644 /etc/example a948904f2f0f479b8f8197694b30184b
run_step prepare reset
"""


def on(machine: Machine, text: str) -> str:
    """A recorded text with the scripts of a machine."""
    return text.replace("/usr/local", f"{machine.root}/usr/local")


@pytest.fixture
def sharing(host: Machine) -> Machine:
    """A machine whose scripts print the file that other machines have too."""
    for script in ("prepare", "reset"):
        look = 'cat "$STAGING/files/etc/example" || echo none'
        host.script(script, f'. "$LIBRARY/lib/lib.sh"\n{look}\nstep_is_done\n')
    host.install()
    host.write(f"{LIBRARY}/files/a948904f2f0f479b8f8197694b30184b", "hello world\n")
    return host


def test_a_shared_file_is_staged_by_its_checksum(sharing: Machine) -> None:
    """The first 32 digits of SHA-256; a file with another one is not used."""
    assert sharing.send(on(sharing, SHARED)).stdout == "hello world\n"
    path = sharing.path(f"{LIBRARY}/files/a948904f2f0f479b8f8197694b30184b")
    path.write_text("hi")
    refused = sharing.send(on(sharing, SHARED))
    assert (refused.status, refused.stdout) == (1, "")
    assert "prepare: expected the content of /etc/example, with checksum a948904f" in refused.stderr
    path.unlink()
    assert "Next: pulumi up" in sharing.send(on(sharing, SHARED)).stderr


def test_a_machine_of_another_cluster_is_named_before_a_missing_file(sharing: Machine) -> None:
    """It keeps the scripts and the files of its cluster, which an installation for another one does not replace."""
    sharing.path(f"{LIBRARY}/files").rename(sharing.path(f"{LIBRARY}/other"))
    sharing.write("/var/lib/pulumi-kubeadm/owner", "fedcba9876543210")
    sharing.write("/var/lib/pulumi-kubeadm/cluster-name", "shop")
    named = "export CLUSTER_ID=0123456789abcdef\nexport CLUSTER_NAME=dev\n"
    finished = sharing.send(named + sharing.relocated(on(sharing, SHARED)))
    assert finished.status == 1
    assert "it belongs to cluster shop (fedcba9876543210)" in finished.stderr


def test_what_undoes_a_step_needs_no_shared_file(sharing: Machine) -> None:
    """A later update has replaced it."""
    sharing.path(f"{LIBRARY}/files/a948904f2f0f479b8f8197694b30184b").unlink()
    finished = sharing.send(on(sharing, SHARED), "delete")
    assert (finished.status, finished.stdout) == (0, "none\n"), finished.stderr


@pytest.mark.parametrize("damage", ["empty", "missing", "another version"])
def test_a_step_does_not_run_with_scripts_that_are_not_whole(host: Machine, damage: str) -> None:
    """An empty script would succeed, and be recorded as done."""
    host.script("membership", "echo it ran\n")
    host.install()
    version = host.path(LIBRARY) / host.path(f"{LIBRARY}/current").readlink()
    if damage == "empty":
        (version / "steps" / "membership.sh").write_text("")
    if damage == "missing":
        (version / "lib" / "nodes.sh").unlink()
    if damage == "another version":
        (version / "SHA256SUMS").write_text("")
    finished = host.send(host.relocated(MEMBERSHIP))
    assert finished.status == 1
    assert "it ran" not in finished.stdout
    assert "membership: expected the scripts of this project, whole," in finished.stderr
    assert "Next: make repair STACK=... HOST=node1" in finished.stderr


def test_a_step_that_waits_runs_with_the_version_that_is_current_when_it_begins(host: Machine) -> None:
    """An installation waits for the same lock, so no step gets parts of two versions."""
    host.script("membership", "echo old\n")
    host.install()
    lock = host.path("/run/pulumi-kubeadm/lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = host.start(host.relocated(MEMBERSHIP))
        host.script("membership", "echo new\n")
        host.install()
    assert result_of(waiting.communicate(timeout=30)[0]) == "new\n"
