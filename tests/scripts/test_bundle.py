"""Bundles: a snapshot of etcd with what a restore needs, whole or not there at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from components.host_files import File, api_server
from tests.scripts.cluster import OWNER, SAVES, SNAPSHOTS, STATE, bundles
from tests.scripts.machine import Finished, Machine

KEEP = 2
OWN = f"dev-{OWNER}-node1"
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
    assert path.name.startswith(f"{OWN}-2")
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as bundle:
        bundle.extractall(saved.path("/bundle"), filter="data")
    extracted = saved.path("/bundle")
    assert (extracted / "bundle.db").read_text() == "snapshot\n"
    assert (extracted / "pki" / "apiserver.key").read_text() == "old\n"
    assert f"cluster-name=dev\ncluster-id={OWNER}\n" in (extracted / "about").read_text()
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=extracted, check=True)
    assert [path.name for path in saved.path("/var/lib/etcd").iterdir()] == ["member"]


def test_a_bundle_holds_the_keys_of_encrypted_secrets(saved: Machine) -> None:
    """A snapshot without them restores no Secret; in whatever file the API server has them."""
    own = saved.write("/etc/keys/own.yaml", "keys\n")
    manifest = saved.path("/etc/kubernetes/manifests/kube-apiserver.yaml")
    for path in (own, saved.write(api_server.ENCRYPTION, "other keys\n")):
        manifest.write_text(f"    - --encryption-provider-config={path}\n")
        assert snapshot(saved).status == 0
        assert keys_in(newest(saved)) == path.read_text()
        time.sleep(1)  # bundles have names by seconds
    own.unlink()
    manifest.write_text(f"    - --encryption-provider-config={own}\n")
    assert f"the bundle has no keys of Secrets: no file {own}" in snapshot(saved).stderr
    of_stack = saved.path(api_server.ENCRYPTION)
    of_stack.unlink()
    manifest.write_text(f"    - --encryption-provider-config={of_stack}\n")
    assert f"the bundle has no keys of Secrets: no file {of_stack}" in snapshot(saved).stderr
    manifest.write_text("    - --profiling=false\n")
    assert "no keys of Secrets" not in snapshot(saved).stderr


@pytest.mark.parametrize("settings", ["directory={}\n", "directory={}\nkeep=\n", "directory={}\nkeep=0\n", "keep=2\n"])
def test_no_bundle_is_deleted_where_nothing_says_how_many_stay(saved: Machine, settings: str) -> None:
    """All would go, before there is a new one."""
    assert snapshot(saved).status == 0
    there = bundles(saved)
    saved.write("/etc/kubernetes/backup/settings", settings.format(saved.path(SNAPSHOTS)))
    finished = snapshot(saved)
    assert finished.status == 1
    assert "expected a directory of bundles, and how many stay, in" in finished.stderr
    assert bundles(saved) == there


def test_an_etcd_without_the_mark_of_a_control_plane_is_not_passed_over(saved: Machine) -> None:
    """The timer would succeed, and save nothing. Before there is an etcd there is nothing to save."""
    saved.path(f"{STATE}/initialized").unlink()
    finished = snapshot(saved)
    assert finished.status == 1
    assert "saw none beside an etcd, which is not saved" in finished.stderr
    saved.path("/etc/kubernetes/manifests/etcd.yaml").unlink()
    finished = snapshot(saved)
    assert (finished.status, finished.stdout, finished.stderr) == (0, "", "")


def keys_in(bundle: Path) -> str:
    """The keys of Secrets in a bundle."""
    with tarfile.open(bundle) as content:
        found = content.extractfile("pki/encryption.yaml")
        assert found
        return found.read().decode()


def test_a_snapshot_has_every_write_that_was_acknowledged_before(saved: Machine) -> None:
    """A member may lag behind, until it asks the leader. One without a majority is saved, with a message."""
    assert snapshot(saved).status == 0
    calls = [call for call in saved.calls() if call.endswith((" get majority --keys-only", "/bundle.db"))]
    assert [call.split()[-2] for call in calls if "status" not in call] == ["majority", "save"]
    saved.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=0")
    saved.stub("crictl", f'[[ "$*" != *"get majority"* ]] || exit 1\n{SAVES}')
    finished = snapshot(saved)
    assert finished.status == 0
    path, behind = finished.stdout.split()
    assert (Path(path).exists(), behind) == (True, "behind")
    assert "node1: this member of etcd hears no majority" in finished.stderr


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


@pytest.mark.parametrize("mount", [SNAPSHOTS, f"{SNAPSHOTS}/", "/srv", "/data"])
def test_no_bundle_is_written_where_its_file_system_is_missing(saved: Machine, mount: str) -> None:
    """It would fill the disk of the machine, be lost with it, and be hidden once the file system is there."""
    linked = saved.path("/linked")
    directory = saved.path(SNAPSHOTS)
    if mount == "/srv":  # the directory lies below the mount point
        directory = saved.path("/srv/nas/bundles")
    elif mount == "/data":  # and behind a link
        saved.path("/data").mkdir()
        linked.symlink_to(saved.path("/data"))
        directory = linked / "bundles"
    saved.write("/etc/kubernetes/backup/settings", f"directory={directory}\nkeep=2\n")
    saved.write(
        "/etc/fstab", f"# nas:/b {directory}\nnas:/b {saved.path(mount)}{'/' * mount.endswith('/')} nfs x 0 0\n"
    )
    saved.stub("mountpoint", "exit 32")
    finished = snapshot(saved)
    assert finished.status == 1
    assert f"expected the file system of {directory} at {saved.path(mount)}, as " in finished.stderr
    assert "saw nothing mounted there" in finished.stderr
    assert not directory.exists()
    saved.stub("mountpoint")
    assert snapshot(saved).status == 0
    assert list(directory.glob("*.bundle"))


def test_a_recipient_that_is_no_certificate_leaves_no_bundle(saved: Machine) -> None:
    """It is never written in the clear instead."""
    (saved.root / "stubs" / "openssl").unlink()
    saved.write("/etc/kubernetes/backup/recipient.pem", "nonsense")
    finished = snapshot(saved)
    assert finished.status == 1
    assert "node1: snapshot: expected etcd to be saved" in finished.stderr
    assert bundles(saved) == []


def test_the_oldest_bundles_go_and_files_of_others_stay(saved: Machine) -> None:
    """The number that stays is that of the stack: of the timer, and from before upgrades."""
    old = [f"{OWN}-2026010{day}T000000Z.bundle" for day in (1, 2)]
    before = [f"{OWN}-2026010{day}T000000Z-before-1.36.{day}.bundle" for day in (3, 4, 5)]
    for age, name in enumerate(["notes.txt", *old, *before]):
        path = saved.write(f"{SNAPSHOTS}/{name}", "")
        os.utime(path, (age * HOUR, age * HOUR))
    assert snapshot(saved).status == 0
    assert sorted({*bundles(saved)} & {*old, *before, "notes.txt"}) == [old[1], *before[1:], "notes.txt"]
    assert len(bundles(saved)) == KEEP * 2 + 1


def test_a_bundle_that_its_owner_moves_away_meanwhile_fails_no_snapshot(saved: Machine) -> None:
    """Behind the look at the directory, and before the deletion of the oldest ones."""
    for day in range(1, 5):
        saved.write(f"{SNAPSHOTS}/{OWN}-2026010{day}T000000Z.bundle", "")
    moves = f'rm -f "$ROOT{SNAPSHOTS}/{OWN}-20260101T000000Z.bundle"'
    saved.stub("tail", f'/usr/bin/tail "$@"\n{moves}')
    finished = snapshot(saved)
    assert finished.status == 0, finished.stderr
    assert len(bundles(saved)) == KEEP


def test_bundles_of_other_machines_stay(saved: Machine) -> None:
    """In a directory that they share: of other hosts, and of a cluster with the same name; whole or on their way."""
    names = [f"{OWN}0", f"{OWN}-x", f"dev-{OWNER}-node2", f"prod-{OWNER}-node1", f"dev-{'f' * 16}-node1", "dev-node1"]
    others = [f"{name}-2026010{day}T000000Z.bundle" for name in names for day in range(1, 5)]
    others += [f"{name}-20260105T000000Z.bundle.new" for name in names]
    for name in [*others, f"{OWN}-20260105T000000Z.bundle.new"]:
        saved.write(f"{SNAPSHOTS}/{name}", "")
    for _ in range(2):
        assert snapshot(saved).status == 0
    assert {each for each in bundles(saved) if not each.startswith(f"{OWN}-2")} == set(others)
    assert f"{OWN}-20260105T000000Z.bundle.new" not in bundles(saved)


def test_bundles_of_a_clock_that_was_wrong_are_the_oldest(saved: Machine) -> None:
    """They would stay for ever, and each new one would go at once."""
    for day in (1, 2, 3):
        saved.write(f"{SNAPSHOTS}/{OWN}-2099010{day}T000000Z.bundle", "")
    finished = snapshot(saved)
    assert finished.status == 0
    assert len(bundles(saved)) == KEEP
    assert Path(finished.stdout.strip()).exists()


@pytest.mark.parametrize("what", ["a link before", "a link", "a pipe"])
def test_what_others_lay_in_the_directory_does_not_lead_the_keys_elsewhere(saved: Machine, what: str) -> None:
    """Who may write there, such as the user that fetches bundles, knows when the timer runs."""
    name = f"{OWN}-20270101T000000Z.bundle.new"
    elsewhere, there = saved.path("/elsewhere"), saved.path(SNAPSHOTS) / name
    saved.stub("date", "echo 20270101T000000Z")
    lay = f"ln --symbolic {elsewhere} {there}"
    if what == "a pipe":
        lay = f"mkfifo {there}; timeout 5 cat {there} >{elsewhere} &"
    if what == "a link before":
        there.parent.mkdir(parents=True)
        there.symlink_to(elsewhere)
    else:
        once = f"[[ $* != *{name} || -e $ROOT/once ]] || {{ touch $ROOT/once\n{lay}\n}}"
        saved.stub("rm", f'{shutil.which("rm")} "$@"\n{once}')
    finished = snapshot(saved)
    assert finished.status == (0 if what == "a link before" else 1)
    assert not elsewhere.exists() or elsewhere.read_bytes() == b""
    assert there.name not in bundles(saved)


@pytest.mark.parametrize("program", ["tar", "mv", "dd"])
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


DISKS = """[[ $* != *source* ]] || { echo "Filesystem ${!#}"; exit; }
free=9999
[[ ${!#} != THIS_DISK ]] || free=256
printf "Avail\n%s\n" "$free"
"""
"""A df of a machine with a disk for etcd, and one for bundles."""
ONE_DISK = r"""
[[ $* != *source* ]] || { printf "Filesystem\n/dev/sda1\n"; exit; }
printf "Avail\n%s\n" "$(($(<"$ROOT/free") - $(cat "$ROOT$SNAPSHOTS"/*.bundle | wc --bytes) / 1024 / 1024))"
""".replace("$SNAPSHOTS", SNAPSHOTS)
"""A df of a machine whose bundles lie on the disk of etcd, which has so many MiB for both."""
MIB = 1024**2


@pytest.mark.parametrize(("free", "status"), [(257, 1), (258, 0)])
def test_a_snapshot_and_its_bundle_need_room_together(saved: Machine, free: int, status: int) -> None:
    """On one file system both lie there until the bundle is packed."""
    saved.stub("df", ONE_DISK)
    saved.write("/free", str(free))
    finished = snapshot(saved)
    assert finished.status == status
    assert ("257 MiB are free" in finished.stderr and "needs 2 and leaves 256" in finished.stderr) == bool(status)


def older(machine: Machine, days: int) -> list[str]:
    """Names of bundles of 3 MiB, one of each day."""
    names = [f"{OWN}-2026010{day}T000000Z.bundle" for day in range(1, days + 1)]
    for name in names:
        machine.write(f"{SNAPSHOTS}/{name}", "x" * 3 * MIB)
    return names


@pytest.mark.parametrize("fails", ["silent", "corrupt"])
def test_what_exceeds_the_setting_goes_before_a_snapshot_that_fails(saved: Machine, fails: str) -> None:
    """As after `keep` was lowered: a disk that they fill takes no new one. The newest ones stay."""
    names = older(saved, 5)
    saved.write(f"/{fails}", "")
    assert snapshot(saved).status == 1
    assert bundles(saved) == names[-KEEP:]


@pytest.mark.parametrize(
    ("free", "stay", "status"),
    [(267, 3, 0), (266, 2, 0), (263, 1, 0), (261, 1, 0), (260, 3, 1)],
)
def test_the_oldest_bundles_make_room_for_a_new_one(saved: Machine, free: int, stay: int, status: int) -> None:
    """As many as it takes; the newest stays, and where that would not do, all stay."""
    saved.write("/etc/kubernetes/backup/settings", f"directory={saved.path(SNAPSHOTS)}\nkeep=9\n")
    names = older(saved, 3)
    other = saved.write(f"{SNAPSHOTS}/dev-{'f' * 16}-node1-20260101T000000Z.bundle", "")
    saved.stub("df", ONE_DISK)
    saved.write("/free", str(free))
    finished = snapshot(saved)
    assert finished.status == status, finished.stderr
    assert [name for name in names if name in bundles(saved)] == names[-stay:]
    assert ("node1: a new bundle has no room beside older ones" in finished.stderr) == (stay < 3)
    assert other.exists()


@pytest.mark.parametrize("where", ["/var/lib/etcd", SNAPSHOTS])
def test_a_disk_without_room_is_reported_and_etcd_is_left_alone(saved: Machine, where: str) -> None:
    """A full disk would stop it."""
    saved.stub("df", DISKS.replace("THIS_DISK", str(saved.path(where))))
    finished = snapshot(saved)
    assert finished.status == 1
    assert f"saw 256 MiB are free in {saved.path(where)}, and a bundle needs 1 and leaves 256" in finished.stderr
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


def test_a_recipient_that_the_stack_does_not_name_any_more_gets_no_bundles(machine: Machine) -> None:
    """Whoever has its key would read them, and the stack's people would not."""
    machine.stub("systemctl")
    recipient = File("/etc/kubernetes/backup/recipient.pem", "certificate\n")
    assert machine.run_part("backup", files=[*BACKUP_FILES, recipient]).status == 0
    assert machine.path(recipient.path).exists()
    assert machine.run_part("backup", files=BACKUP_FILES).status == 0
    assert not machine.path(recipient.path).exists()


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
    stops = [call for call in machine.calls() if call.startswith("systemctl stop kubernetes-backup")]
    also = ["systemctl stop kubernetes-backup.service"] * (not ends)  # one that waits for the reset to end
    assert stops == ["systemctl stop kubernetes-backup.timer", *also]


@pytest.mark.parametrize("error", ["context deadline exceeded", ""])
def test_a_snapshot_that_nothing_verified_is_no_bundle(saved: Machine, error: str) -> None:
    """An etcdutl that does not answer is not one that the image lacks."""
    saved.stub("crictl", f"case \"$*\" in *etcdutl*) echo '{error}' >&2; exit 1 ;; esac\n{SAVES}")
    finished = snapshot(saved)
    assert finished.status == 1
    assert f"expected etcd to be saved, saw {error}" in " ".join(finished.stderr.split())
    assert bundles(saved) == []


def test_a_snapshot_of_an_image_without_programs_that_verify_is_kept(saved: Machine) -> None:
    """etcd before 3.5 is verified by `snapshot save` alone."""
    missing = 'exec: "etcdutl": executable file not found in $PATH: unknown'
    programs = f"*etcdutl*) echo '{missing}' >&2; exit 1 ;; *--help*) cat $ROOT/help ;;"
    saved.stub("crictl", f'case "$*" in {programs} esac\n{SAVES}')
    saved.write("/help", "snapshot - Manages etcd node snapshots\n")
    assert snapshot(saved).status == 0
    assert len(bundles(saved)) == 1
    saved.write("/help", "")
    assert snapshot(saved).status == 1, "a help that is cut off says nothing of what is lacking"


def test_an_empty_certificate_of_the_recipient_leaves_no_bundle_in_the_clear(saved: Machine) -> None:
    """As a power cut may leave it."""
    (saved.root / "stubs" / "openssl").unlink()
    saved.write("/etc/kubernetes/backup/recipient.pem", "")
    assert snapshot(saved).status == 1
    assert bundles(saved) == []
