"""A watcher of the lost cluster gets the error of a lost revision: by the arguments of a restore alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.steps.scripts import SCRIPTS
from tests.recovery.programs import free_port, unpack_etcd, wait_until_healthy

ADDED = ["--bump-revision", "1000000000", "--mark-compacted"]
GONE = "required revision has been compacted"


@dataclass(frozen=True)
class Etcd:
    """An etcd that serves."""

    programs: Path
    url: str

    def ctl(self, *arguments: str) -> str:
        """What etcdctl prints within five seconds."""
        command = ["timeout", "5", str(self.programs / "etcdctl"), "--endpoints", self.url, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout


@contextmanager
def serving(programs: Path, data: Path) -> Iterator[Etcd]:
    """An etcd with these data, or with none."""
    url, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    command = [str(programs / "etcd"), "--data-dir", str(data), "--listen-client-urls", url]
    command += ["--advertise-client-urls", url, "--listen-peer-urls", peer]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = Etcd(programs, url)
    try:
        wait_until_healthy(lambda: found.ctl("endpoint", "health"))
        yield found
    finally:
        process.kill()
        process.wait()


def test_a_restore_adds_what_is_tried_here() -> None:
    """With the same words."""
    assert f"later=({' '.join(ADDED)})" in (SCRIPTS / "lib/restore.sh").read_text()


def test_a_watcher_of_the_lost_cluster_gets_the_error_of_a_lost_revision(tmp_path: Path) -> None:
    """Without what a restore adds it waits for a revision to come, and gets the events of other objects as its own."""
    unpack_etcd(tmp_path)
    snapshot = str(tmp_path / "bundle.db")
    with serving(tmp_path, tmp_path / "lost") as lost:
        lost.ctl("put", "kept", "1")
        lost.ctl("snapshot", "save", snapshot)
        for number in range(5):
            lost.ctl("put", "later", str(number))
        last = int(lost.ctl("get", "later", "--write-out", "fields").split('"ModRevision" :')[1].split()[0])
    events = {}
    for name, arguments in {"plain": [], "raised": ADDED}.items():
        data = tmp_path / name
        restore = ["snapshot", "restore", snapshot, "--data-dir", str(data), *arguments]
        subprocess.run([str(tmp_path / "etcdutl"), *restore], check=True, capture_output=True)
        with serving(tmp_path, data) as restored:
            assert restored.ctl("get", "kept", "--print-value-only").strip() == "1"
            assert restored.ctl("get", "later") == ""
            events[name] = restored.ctl("watch", "later", "--rev", str(last + 1))
    assert (GONE in events["plain"], GONE in events["raised"]) == (False, True), events
