"""Bundles: a snapshot of etcd with what a restore needs, whole or not there at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from components.host_files import File, api_server
from tests.scripts.cluster import SNAPSHOTS, STATE, bundles
from tests.scripts.machine import Finished, Machine

KEEP = 2
HOUR = 3600


def snapshot(machine: Machine) -> Finished:
    """A run of the timer."""
    return machine.run("snapshot")


def newest(machine: Machine) -> Path:
    """The newest bundle."""
    return machine.path(SNAPSHOTS) / bundles(machine)[-1]


def test_a_bundle_holds_the_snapshot_the_keys_and_the_configuration(saved: Machine) -> None:
    """With checksums of all of it; others on the machine do not read it."""
    finished = snapshot(saved)
    assert finished.status == 0, finished.stderr
    path = newest(saved)
    assert finished.stdout == f"{path}\n"
    assert finished.stderr == f"node1: etcd is saved: {path}\n"
    assert path.name.startswith("dev-node1-2")
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as bundle:
        bundle.extractall(saved.path("/bundle"), filter="data")
    extracted = saved.path("/bundle")
    assert (extracted / "bundle.db").read_text() == "snapshot\n"
    assert (extracted / "pki" / "apiserver.key").read_text() == "old\n"
    assert "cluster-name=dev\n" in (extracted / "about").read_text()
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=extracted, check=True)
    assert [path.name for path in saved.path("/var/lib/etcd").iterdir()] == ["member"]


def test_a_bundle_holds_the_keys_of_encrypted_secrets(saved: Machine) -> None:
    """A snapshot without them restores no Secret."""
    saved.write(api_server.ENCRYPTION, "keys\n")
    assert snapshot(saved).status == 0
    with tarfile.open(newest(saved)) as bundle:
        found = bundle.extractfile("pki/encryption.yaml")
        assert found
        assert found.read() == b"keys\n"


def test_a_bundle_is_encrypted_for_the_recipient(saved: Machine, tmp_path: Path) -> None:
    """Nothing of it is legible without the recipient's key."""
    (saved.root / "stubs" / "openssl").unlink()
    key, certificate = tmp_path / "backup.key", tmp_path / "backup.crt"
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=backup", "-keyout", str(key)]
    subprocess.run(["openssl", *new, "-out", str(certificate)], check=True, capture_output=True)
    saved.write("/etc/kubernetes/backup/recipient.pem", certificate.read_text())
    assert snapshot(saved).status == 0
    path = newest(saved)
    assert not tarfile.is_tarfile(path)
    decrypt = ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", str(path), "-inkey", str(key)]
    subprocess.run([*decrypt, "-out", str(tmp_path / "plain")], check=True, capture_output=True)
    with tarfile.open(tmp_path / "plain") as bundle:
        assert "bundle.db" in bundle.getnames()


def test_a_recipient_that_is_no_certificate_leaves_no_bundle(saved: Machine) -> None:
    """It is never written in the clear instead."""
    (saved.root / "stubs" / "openssl").unlink()
    saved.write("/etc/kubernetes/backup/recipient.pem", "nonsense")
    finished = snapshot(saved)
    assert finished.status == 1
    assert "node1: snapshot: expected etcd to be saved" in finished.stderr
    assert bundles(saved) == []


def test_the_oldest_bundles_go_and_files_of_others_stay(saved: Machine) -> None:
    """As many stay as the stack says: of the timer, and from before upgrades."""
    old = ["dev-node1-20260101T000000Z.bundle", "dev-node1-20260102T000000Z.bundle"]
    before = [f"dev-node1-2026010{day}T000000Z-before-1.36.{day}.bundle" for day in (3, 4, 5)]
    for age, name in enumerate(["notes.txt", *old, *before]):
        path = saved.write(f"{SNAPSHOTS}/{name}", "")
        os.utime(path, (age * HOUR, age * HOUR))
    assert snapshot(saved).status == 0
    assert sorted({*bundles(saved)} & {*old, *before, "notes.txt"}) == [old[1], *before[1:], "notes.txt"]
    assert len(bundles(saved)) == KEEP * 2 + 1


def test_bundles_of_other_machines_stay(saved: Machine) -> None:
    """In a directory that they share: of hosts and clusters with a longer name, whole or on their way."""
    names = ["dev-node10", "dev-node1-x", "dev-node2", "prod-node1"]
    others = [f"{name}-2026010{day}T000000Z.bundle" for name in names for day in range(1, 5)]
    others += [f"{name}-20260105T000000Z.bundle.new" for name in names]
    for name in [*others, "dev-node1-20260105T000000Z.bundle.new"]:
        saved.write(f"{SNAPSHOTS}/{name}", "")
    for _ in range(2):
        assert snapshot(saved).status == 0
    assert {each for each in bundles(saved) if not each.startswith("dev-node1-2")} == set(others)
    assert "dev-node1-20260105T000000Z.bundle.new" not in bundles(saved)


def test_bundles_of_a_clock_that_was_wrong_are_the_oldest(saved: Machine) -> None:
    """They would stay for ever, and each new one would go at once."""
    for day in (1, 2, 3):
        saved.write(f"{SNAPSHOTS}/dev-node1-2099010{day}T000000Z.bundle", "")
    finished = snapshot(saved)
    assert finished.status == 0
    assert len(bundles(saved)) == KEEP
    assert Path(finished.stdout.strip()).exists()


@pytest.mark.parametrize("program", ["tar", "mv", "sync"])
def test_a_bundle_that_was_cut_short_is_none(saved: Machine, program: str) -> None:
    """The next run deletes what it left."""
    assert saved.run("snapshot").status == 0
    first = bundles(saved)
    real = shutil.which(program)
    saved.stub(
        program, f'[[ $* != *bundle.new* && $* != *--create* ]] || {{ kill -9 $PPID; exit 1; }}\nexec {real} "$@"'
    )
    assert snapshot(saved).status != 0
    assert [name for name in bundles(saved) if not name.endswith(".new")] == first
    saved.stub(program, f'exec {real} "$@"')
    assert snapshot(saved).status == 0
    assert not [name for name in bundles(saved) if name.endswith(".new")]


@pytest.mark.parametrize("where", ["/var/lib/etcd", SNAPSHOTS])
def test_a_disk_without_room_is_told_and_etcd_is_left_alone(saved: Machine, where: str) -> None:
    """A full disk would stop it."""
    saved.stub("df", f'free=9999; [[ ${{!#}} != {saved.path(where)} ]] || free=256; printf "Avail\n%s\n" "$free"')
    finished = snapshot(saved)
    assert finished.status == 1
    assert f"saw 256 MiB are free in {saved.path(where)}, and a snapshot needs 1 and leaves 256" in finished.stderr
    assert not [call for call in saved.calls() if "snapshot save" in call]


def test_a_machine_that_is_no_control_plane_yet_is_not_saved(machine: Machine) -> None:
    """The timer runs from the preparation on."""
    finished = snapshot(machine)
    assert (finished.status, finished.stdout, finished.stderr) == (0, "", "")


BACKUP_FILES = [
    File("/etc/kubernetes/backup/settings", "directory=/backups\nkeep=8\n"),
    File("/etc/systemd/system/kubernetes-backup.service", "[Service]\n"),
    File("/etc/systemd/system/kubernetes-backup.timer", "[Timer]\n"),
]


def test_the_timer_runs_with_its_units(machine: Machine) -> None:
    """It restarts when they change, and when an earlier run ended before the restart."""
    machine.stub("systemctl")
    machine.run_part_twice("backup", files=BACKUP_FILES)
    calls = [f"systemctl --quiet {verb} kubernetes-backup.timer" for verb in ("enable", "is-active")]
    assert machine.calls() == calls
    machine.stub("systemctl", '[[ "$1" != restart ]]')
    changed = [*BACKUP_FILES[:2], File(BACKUP_FILES[2].path, "[Timer]\nPersistent=true\n")]
    assert machine.run_part("backup", files=changed).status != 0
    machine.stub("systemctl")
    machine.calls()
    assert machine.run_part("backup", files=changed).status == 0
    assert "systemctl restart kubernetes-backup.timer" in machine.calls()


@pytest.mark.parametrize(("status", "ends"), [(1, 1), (5, 0)])
def test_a_timer_that_does_not_stop_ends_a_reset(machine: Machine, status: int, ends: int) -> None:
    """It would save an etcd that is gone. A unit that systemd does not know any more has stopped."""
    for name, value in {"owner": "0123", "backup-timer-runs-with": "units"}.items():
        machine.write(f"{STATE}/{name}", value)
    wanted = machine.write("/etc/systemd/system/timers.target.wants/kubernetes-backup.timer", "")
    machine.write("/etc/hosts", "127.0.0.1\tlocalhost\n")
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark", "kubeadm"):
        machine.stub(program)
    machine.stub("systemctl", f"[[ $* != stop*backup* ]] || {{ echo no >&2; exit {status}; }}")
    values = {"CLUSTER_ID": "0123", "CLUSTER_NAME": "dev", "ROLE": "control-plane", "NODE_LEAVES_FIRST": "true"}
    finished = machine.run("reset", values)
    assert finished.status == ends, finished.stderr
    assert ("expected the timer that saves etcd to stop,\n  saw no" in finished.stderr) == bool(ends)
    assert wanted.exists() == bool(ends)
