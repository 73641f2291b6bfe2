"""Facts that several scripts share have one name, in one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.steps.scripts import SCRIPTS
from tests.scripts.machine import Machine

MARKS = SCRIPTS / "lib" / "marks.sh"
ENTRY_POINT = SCRIPTS / "run.sh"
"""Names one mark itself: it runs before any library."""
OTHERS = sorted(path for path in SCRIPTS.rglob("*.sh") if path not in {MARKS, ENTRY_POINT})

CALL = re.compile(r'(?:^|[;(&|!{]|\bif|\bthen|\bdo)\s*(?:remember|mark|is_marked|forget) ("[^ ]*|[^ ]+)')
BELOW_STATE = re.compile(r"\$\{?STATE\}?/(?!\$)\S*")


def code(text: str) -> list[str]:
    """Lines without comments."""
    return [re.sub(r"(^|\s)#.*", "", line) for line in text.splitlines()]


def literal_names(text: str) -> list[str]:
    """Names of marks, and of paths below $STATE, that are no constants."""
    lines = code(text)
    names = [name for line in lines for name in CALL.findall(line) if not name.startswith('"$')]
    return names + [path for line in lines for path in BELOW_STATE.findall(line)]


@pytest.mark.parametrize("script", OTHERS, ids=lambda path: path.stem)
def test_marks_are_named_in_one_file(script: Path) -> None:
    """A misspelt name would read as a mark that nobody wrote."""
    assert literal_names(script.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "remember prepared yes",
        'if [[ $(mark "owner") != x ]]; then',
        "touch $STATE/initialized",
        'is_marked "prepared" && return 0',
        "mkdir -p ${STATE}/files",
    ],
)
def test_a_literal_name_is_found(line: str) -> None:
    """Otherwise the test above would prove nothing."""
    assert literal_names(line)


def test_each_mark_is_explained_and_used() -> None:
    """A mark that nobody reads or writes is a leftover."""
    defined = re.findall(r"^([A-Z_]+)=(\S+)(.*)$", MARKS.read_text(), re.MULTILINE)
    assert len(defined) >= 20
    assert len({value for _, value, _ in defined}) == len(defined)
    used = "\n".join(line for path in OTHERS for line in code(path.read_text()))
    for name, _, comment in defined:
        assert comment.strip().startswith("# "), name
        assert f"${name}" in used, name


SHARED = {
    "/etc/kubernetes/kubeadm/config.yaml": "lib/kubeadm.sh",
    "/etc/kubernetes/admin.conf": "lib/kubeadm.sh",
    "/etc/kubernetes/kubelet.conf": "lib/kubeadm.sh",
    "/etc/kubernetes/pki": "lib/kubeadm.sh",
    "# begin pulumi-kubeadm": "lib/hosts_file.sh",
    "# end pulumi-kubeadm": "lib/hosts_file.sh",
    "pulumi-kubeadm-proxy.conf": "lib/containerd.sh",
    "90pulumi-kubeadm-proxy": "lib/packages.sh",
    "/etc/containerd/config.toml": "lib/containerd.sh",
    "/etc/containerd/certs.d": "lib/containerd.sh",
    "/etc/fstab.before-kubernetes": "lib/swap.sh",
    "pulumi-kubeadm/drained": "lib/nodes.sh",
}


@pytest.mark.parametrize(("fact", "library"), SHARED.items())
def test_a_path_that_scripts_share_is_written_once(fact: str, library: str) -> None:
    """In the library that they source."""
    written = [
        str(path.relative_to(SCRIPTS))
        for path in sorted(SCRIPTS.rglob("*.sh"))
        for line in path.read_text().splitlines()
        if fact in line and not line.startswith("#")
    ]
    assert written == [library]


def test_a_mark_is_there_as_a_whole_or_not_at_all(machine: Machine) -> None:
    """Also after a power cut: the file and its name are on the disk before the step goes on."""
    machine.stub("sync", '[[ $1 != *.new ]] || [[ -s $1 ]] || exit 1; printf "%s " "${1##*/}" >>"$ROOT/synced"')
    machine.script("step", '. "$LIBRARY/lib/lib.sh"\nremember "$OWNER_MARK" one\nremember "$OWNER_MARK" one\n')
    finished = machine.run("step")
    assert finished.status == 0, finished.stderr
    assert machine.path("/synced").read_text() == "owner.new pulumi-kubeadm "
