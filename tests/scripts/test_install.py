"""The scripts on their way to a host: whole, verified, one version at a time, also after a power cut."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest

from components.host_files import File
from components.steps import scripts
from components.steps.scripts import SCRIPTS, install_scripts, scripts_version
from components.steps.stdin import LIBRARY
from tests.scripts.machine import LIMIT_SECONDS

OLDER = "0" * 64
CLUSTER = "0123456789abcdef"


def text_for(root: Path) -> str:
    """What a host gets, for a root directory."""
    text = install_scripts(str(root / "library"), CLUSTER)
    return text.replace("/run/pulumi-kubeadm", str(root / "run")).replace("/var/lib", str(root))


def installed(root: Path, *, before: str = "", text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run what a host gets, below a root directory."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-s"],
        input=before + (text or text_for(root)),
        text=True,
        capture_output=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )


def names(root: Path) -> set[str]:
    """What is in the directory of the scripts."""
    return {path.name for path in (root / "library").iterdir()}


def current(root: Path) -> Path:
    """The version that steps run."""
    return (root / "library" / "current").resolve()


def is_whole(version: Path) -> bool:
    """Whether every script is there as the list of checksums names it."""
    check = ["sha256sum", "--check", "--status", "--strict", scripts.SUMS]
    return subprocess.run(check, cwd=version, check=False).returncode == 0


def with_older_version(root: Path) -> None:
    """A host that an earlier version of this project prepared."""
    older = root / "library" / OLDER
    older.mkdir(parents=True)
    (older / "removed.sh").write_text("")
    (older / scripts.SUMS).write_text("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  removed.sh\n")
    (root / "library" / "current").symlink_to(OLDER)
    (root / "library" / "run.sh").write_text("")


def test_shared_files_come_with_the_scripts_and_replace_earlier_ones(tmp_path: Path) -> None:
    """Each below its checksum; where none are sent the earlier ones stay."""
    directory = tmp_path / "library" / "files"
    for content in ("one\n", "it's two\n"):
        file = File("/etc/example", content)
        text = install_scripts(str(tmp_path / "library"), CLUSTER, [file]).replace("/var/lib", str(tmp_path))
        finished = installed(tmp_path, text=text.replace("/run/pulumi-kubeadm", str(tmp_path / "run")))
        assert finished.returncode == 0, finished.stderr
        assert {path.name: path.read_text() for path in directory.iterdir()} == {file.digest: content}
        assert installed(tmp_path).returncode == 0
        assert directory.exists()
    (tmp_path / "pulumi-kubeadm").mkdir()
    (tmp_path / "pulumi-kubeadm" / "owner").write_text("another cluster")
    assert installed(tmp_path, text=text.replace("/run/pulumi-kubeadm", str(tmp_path / "run"))).returncode == 0
    assert [path.read_text() for path in directory.iterdir()] == ["it's two\n"]


def test_a_host_gets_every_script_below_the_name_of_its_version(tmp_path: Path) -> None:
    """The entry point of recorded commands lies above it."""
    assert installed(tmp_path).returncode == 0
    assert names(tmp_path) == {scripts_version(), "current", "run.sh"}
    arrived = {str(path.relative_to(current(tmp_path))): path.read_text() for path in current(tmp_path).rglob("*.sh")}
    assert arrived == {str(path.relative_to(SCRIPTS)): path.read_text() for path in SCRIPTS.rglob("*.sh")}
    assert (tmp_path / "library" / "run.sh").read_text() == (SCRIPTS / "run.sh").read_text()
    assert LIBRARY not in install_scripts(str(tmp_path))


def test_a_version_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    """Another look costs nothing."""
    installed(tmp_path)
    before = (current(tmp_path) / "lib" / "lib.sh").stat().st_ino
    assert installed(tmp_path).returncode == 0
    assert (current(tmp_path) / "lib" / "lib.sh").stat().st_ino == before


@pytest.mark.parametrize("damage", ["", "echo other\n", None], ids=["empty", "another text", "missing"])
def test_a_damaged_version_is_written_again(tmp_path: Path, damage: str | None) -> None:
    """As a power cut leaves it, or a person."""
    installed(tmp_path)
    script = current(tmp_path) / "steps" / "join.sh"
    script.unlink()
    if damage is not None:
        script.write_text(damage)
    assert installed(tmp_path).returncode == 0
    assert is_whole(current(tmp_path))


def test_scripts_of_an_older_version_do_not_linger(tmp_path: Path) -> None:
    """Nor what an installation that was cut short left."""
    with_older_version(tmp_path)
    (tmp_path / "library" / "unfinished").mkdir()
    assert installed(tmp_path).returncode == 0
    assert names(tmp_path) == {scripts_version(), "current", "run.sh"}


def test_an_installation_that_is_killed_at_any_command_leaves_a_whole_version(tmp_path: Path) -> None:
    """The older one or the new one; the next installation goes to its end."""
    ended = False
    for number in range(1, 60):
        root = tmp_path / str(number)
        with_older_version(root)
        count = f"set -o functrace; n=0; trap '((++n != {number})) || kill -KILL $BASHPID' DEBUG\n"
        ended = installed(root, before=count).returncode == 0
        assert current(root).name in {OLDER, scripts_version()}, number
        assert is_whole(current(root)), number
        assert installed(root).returncode == 0
        assert names(root) == {scripts_version(), "current", "run.sh"}
        if ended:
            break
    assert ended, "the loop ends before the installation does: raise its end"
    assert number > 15


def test_an_installation_waits_for_the_step_that_runs(tmp_path: Path) -> None:
    """A step keeps its version until its end."""
    lock = tmp_path / "run" / "lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        command = ["bash", "-euo", "pipefail", "-s"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as waiting:
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.communicate(text_for(tmp_path), timeout=1)
            assert not (tmp_path / "library" / "current").exists()
            fcntl.flock(held, fcntl.LOCK_UN)
            assert waiting.wait(timeout=LIMIT_SECONDS) == 0
    assert is_whole(current(tmp_path))


def test_nobody_else_can_hold_the_lock(tmp_path: Path) -> None:
    """Every step of the machine would wait for them. Scripts are for everybody to read."""
    installed(tmp_path)
    modes = {
        path: (tmp_path / path).stat().st_mode & 0o777 for path in ("run", "run/lock", "library", "library/run.sh")
    }
    assert modes == {"run": 0o700, "run/lock": 0o600, "library": 0o755, "library/run.sh": 0o644}


def test_an_archive_that_is_not_the_version_changes_nothing(tmp_path: Path) -> None:
    """The version that was current stays so."""
    with_older_version(tmp_path)
    finished = installed(tmp_path, text=text_for(tmp_path).replace(scripts_version(), "1" * 64))
    assert finished.returncode == 1
    assert "saw files with other checksums" in finished.stderr
    assert current(tmp_path).name == OLDER
    assert is_whole(current(tmp_path))


@pytest.mark.parametrize(("owner", "installs"), [("fedcba9876543210", False), (CLUSTER, True)])
def test_the_scripts_of_another_cluster_stay(tmp_path: Path, owner: str, installs: bool) -> None:
    """They refuse the step, with the name of their cluster."""
    with_older_version(tmp_path)
    (tmp_path / "pulumi-kubeadm").mkdir()
    (tmp_path / "pulumi-kubeadm" / "owner").write_text(owner)
    assert installed(tmp_path).returncode == 0
    assert (current(tmp_path).name == scripts_version()) == installs


def test_an_owner_that_cannot_be_read_ends_the_installation(tmp_path: Path) -> None:
    """No answer is no answer: the machine may be another cluster's."""
    with_older_version(tmp_path)
    (tmp_path / "pulumi-kubeadm" / "owner").mkdir(parents=True)
    assert installed(tmp_path).returncode != 0
    assert current(tmp_path).name == OLDER
