"""Directories that a machine has as links to a larger disk, as mount points, or with the disks of others below them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.scripts.bundles import bundle
from tests.scripts.cluster import OWNER, SNAPSHOTS, STATE, bundles
from tests.scripts.machine import Machine
from tests.scripts.preparation import CLUSTER, HOSTS, MACHINE_VALUES, RESET
from tests.scripts.test_restore import lay


def link(machine: Machine, path: str) -> Path:
    """A directory on another disk, to which the path is a link."""
    disk = machine.path(f"/disk{path}")
    disk.mkdir(parents=True)
    there = machine.path(path)
    there.parent.mkdir(parents=True, exist_ok=True)
    there.symlink_to(disk)
    return disk


@pytest.mark.parametrize(("directory", "name"), [("/var/lib/etcd", "member"), ("/etc/kubernetes", "kubelet.conf")])
def test_another_cluster_behind_a_link_is_left_alone(machine: Machine, directory: str, name: str) -> None:
    """Its data would be deleted by the first reset."""
    (link(machine, directory) / name).mkdir()
    finished = machine.run_part("owner", CLUSTER)
    assert finished.status == 1
    assert f"saw a file of another cluster: {machine.path(directory)}/{name}" in finished.stderr
    assert not machine.path(f"{STATE}/owner").exists()


def test_the_oldest_bundles_go_from_a_directory_that_is_a_link(saved: Machine) -> None:
    """They would fill the disk."""
    link(saved, SNAPSHOTS)
    for day in range(1, 5):
        saved.write(f"{SNAPSHOTS}/dev-{OWNER}-node1-2026010{day}T000000Z.bundle", "")
    assert saved.run("snapshot").status == 0
    assert len(bundles(saved)) == 2


def test_files_behind_links_are_kept_through_an_upgrade(machine: Machine) -> None:
    """A power cut would leave them empty for good."""
    for path in ("/etc/kubernetes/pki", "/var/lib/kubelet"):
        link(machine, path)
    named = ("/etc/kubernetes/pki/ca.key", "/var/lib/kubelet/config.yaml", "/etc/kubernetes/manifests/etcd.yaml")
    for path in (*named, "/etc/kubernetes/admin.conf"):
        machine.write(path, "old\n")
    libraries = "".join(f'. "$LIBRARY/lib/{name}.sh"\n' for name in ("lib", "kubeadm", "kubelet", "unsynced"))
    machine.script("keep", f"{libraries}keep_unsynced\n")
    machine.script("put_back", f"{libraries}put_back_lost_files\n")
    assert machine.run("keep").status == 0
    for path in named:
        machine.write(path, "")
    machine.stub("systemctl")
    finished = machine.run("put_back")
    assert finished.status == 0, finished.stderr
    assert [machine.path(path).read_text() for path in named] == ["old\n"] * len(named)


def test_a_bundle_is_laid_beside_an_empty_directory_that_is_a_link(control_plane: Machine) -> None:
    """And not beside one with data."""
    disk = link(control_plane, "/var/lib/etcd")
    finished = lay(control_plane, bundle())
    assert finished.status == 0, finished.stderr
    (disk / "member").mkdir()
    (disk / "member" / "snap").touch()
    assert "expected a machine without a cluster" in lay(control_plane, bundle()).stderr


def test_var_is_measured_where_the_data_of_containerd_are_behind_a_link(sound: Machine) -> None:
    """The link itself is in /var."""
    sound.path("/var/lib").mkdir()
    sound.path("/var/lib/containerd").symlink_to("/proc")
    sound.stub("stat", f'[[ "$*" != *%T* ]] || exec echo cgroup2fs; exec {shutil.which("stat")} "$@"')
    sound.stub(
        "df",
        'case "$*" in\n*itotal*) printf "I F\\n 1 60000\\n" ;;\n'
        '*containerd) printf "Avail\\n 9000\\n" ;;\n*) printf "Avail\\n 900\\n" ;;\nesac',
    )
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert finished.status == 1
    assert f"at least 1024 MiB free for {sound.path('/var')},\n  saw 900 MiB" in finished.stderr


@pytest.fixture
def owned(machine: Machine) -> Machine:
    """A machine that a reset may empty; `mounts` lists the file systems that are mounted there."""
    machine.write(f"{STATE}/owner", RESET["CLUSTER_ID"])
    machine.write("/etc/hosts", HOSTS)
    for program in ("ip", "ip6tables-save", "apt-mark", "systemctl"):
        machine.stub(program)
    machine.path("/proc/mounts").unlink()
    machine.write("/proc/mounts", "proc /proc proc rw 0 0\n")
    return machine


def test_a_reset_empties_a_directory_that_is_a_link(owned: Machine) -> None:
    """The next cluster would begin with the data of this one."""
    disk = link(owned, "/var/lib/etcd")
    owned.write("/var/lib/etcd/member/snap/db", "data")
    assert owned.run("reset", RESET).status == 0
    assert list(disk.iterdir()) == []
    assert owned.path("/var/lib/etcd").is_symlink()


def test_a_reset_deletes_no_data_of_a_volume_that_is_still_mounted(owned: Machine) -> None:
    """kubeadm leaves what it cannot unmount, and is not there on each machine: files of an NFS server would go."""
    volumes = "/var/lib/kubelet/pods/1/volumes/kubernetes.io~nfs"
    data = owned.write(f"{volumes}/a b/data", "precious")
    shown = str(data.parent).replace(" ", "\\040")
    owned.write("/proc/mounts", f"server:/export {shown} nfs4 rw 0 0\n")
    owned.stub("umount", '[[ ! -e $ROOT/busy ]] || { echo "umount: $1: target is busy." >&2; exit 32; }; rm "$1/data"')
    busy = owned.write("/busy", "")
    finished = owned.run("reset", RESET)
    assert finished.status == 1
    assert "target is busy" in finished.stderr
    assert data.read_text() == "precious"
    assert owned.path(f"{STATE}/owner").exists(), "another reset goes on"
    busy.unlink()
    owned.calls()
    owned.stub("umount", ': >"$ROOT/proc/mounts"; rm "$1/data"')
    assert owned.run("reset", RESET).status == 0
    assert f"umount {data.parent}" in owned.calls()
    assert list(owned.path("/var/lib/kubelet").iterdir()) == []


def test_a_reset_does_not_wait_for_a_file_server_that_is_down(owned: Machine) -> None:
    """kubeadm would look at the volume without end, and the step end after 20 minutes with no reason."""
    owned.stub("kubeadm")
    volumes = [owned.path(f"/var/lib/kubelet/pods/{number}/volumes/nfs") for number in (1, 2)]
    owned.write("/proc/mounts", "".join(f"server:/export {volume} nfs4 rw 0 0\n" for volume in volumes))
    owned.stub("stat", f'[[ "$*" != *{volumes[0]} ]] || exec sleep 60; exec {shutil.which("stat")} "$@"')
    owned.replace("lib/mounts", "SERVER_SECONDS=10", "SERVER_SECONDS=1")
    finished = owned.run("reset", RESET)
    assert finished.status == 1
    assert f"saw none of '{volumes[0]}': its server may be down" in finished.stderr
    assert f"umount --force --lazy '{volumes[0]}'; then pulumi up" in finished.stderr
    assert not [call for call in owned.calls() if call.startswith(("kubeadm", "umount"))]
    assert owned.path(f"{STATE}/owner").exists(), "another reset goes on"


@pytest.mark.parametrize(
    ("name", "limit", "problem"),
    [
        (
            "kubeadm",
            ("lib/kubeadm", "RESET_SECONDS=600", "RESET_SECONDS=1"),
            "expected kubeadm reset to end within 1 s,",
        ),
        ("umount", ("lib/mounts", "UNMOUNT_SECONDS=60", "UNMOUNT_SECONDS=1"), "saw umount "),
    ],
)
def test_a_reset_has_a_time_limit_for_each_program_that_a_file_server_may_hold(
    owned: Machine, name: str, limit: tuple[str, str, str], problem: str
) -> None:
    """The server may go down at any moment."""
    volume = owned.path("/var/lib/kubelet/pods/1/volumes/nfs")
    volume.mkdir(parents=True)
    owned.write("/proc/mounts", f"server:/export {volume} nfs4 rw 0 0\n")
    owned.stub("kubeadm")
    owned.stub(name, 'echo "[reset] Unmounting mounted directories"; exec sleep 60')
    owned.replace(*limit)
    finished = owned.run("reset", RESET)
    assert finished.status == 1
    assert problem in finished.stderr
    assert volume.exists()


@pytest.mark.parametrize("cgroup", ["kubepods.slice", "systemd/kubepods"])
def test_a_reset_deletes_nothing_below_pods_that_still_run(owned: Machine, cgroup: str) -> None:
    """kubeadm only warns where containerd does not answer: an API server would serve on, of no cluster any more."""
    data = owned.write("/var/lib/etcd/member/wal", "data")
    processes = owned.write(f"/sys/fs/cgroup/{cgroup}/pod1/cgroup.procs", "4711\n")
    owned.write("/sys/fs/cgroup/machine.slice/kind.scope/kubepods/pod1/cgroup.procs", "1\n")
    owned.stub("kubeadm")
    owned.replace("lib/kubeadm", "wait_for 30", "wait_for 0")
    finished = owned.run("reset", RESET)
    assert finished.status == 1
    assert "expected every pod on the machine to end within 0 s,\n  saw processes of pods: 4711\n" in finished.stderr
    assert "Next: systemctl restart containerd" in finished.stderr
    assert data.exists()
    assert owned.path(f"{STATE}/owner").exists(), "another reset goes on"
    owned.stub("kubeadm", f": >{processes}")
    assert owned.run("reset", RESET).status == 0
    assert not data.exists()


def test_a_reset_without_kubeadm_waits_for_the_pods_too(owned: Machine) -> None:
    """Somebody removed the package: etcd would write on, whose data are deleted."""
    data = owned.write("/var/lib/etcd/member/wal", "data")
    owned.write("/sys/fs/cgroup/kubepods.slice/pod1/cgroup.procs", "4711\n")
    owned.replace("lib/kubeadm", "wait_for 30", "wait_for 0")
    assert shutil.which("kubeadm") is None
    finished = owned.run("reset", RESET)
    assert finished.status == 1
    assert "saw processes of pods: 4711\n" in finished.stderr
    assert data.exists()


@pytest.mark.parametrize(("status", "ends"), [(1, 1), (5, 0)])
def test_a_kubelet_that_does_not_stop_ends_a_reset(owned: Machine, status: int, ends: int) -> None:
    """It would start pods again, whose files are deleted. One that systemd does not know has stopped."""
    data = owned.write("/var/lib/etcd/member/wal", "data")
    owned.stub("systemctl", f"[[ $1 != disable && $* != stop*kubelet* ]] || {{ echo no >&2; exit {status}; }}")
    finished = owned.run("reset", RESET)
    assert finished.status == ends, finished.stderr
    assert ("expected the kubelet to stop,\n  saw no" in finished.stderr) == bool(ends)
    assert data.exists() == bool(ends)


def test_no_step_runs_where_the_disk_of_its_marks_is_not_mounted(owned: Machine) -> None:
    """The machine would count as one of no cluster: a reset would find nothing to do, and a join begin anew."""
    disk = owned.path("/var/lib")
    owned.path(f"{STATE}/owner").unlink()
    owned.write("/etc/fstab", f"UUID=1 / ext4 defaults 0 1\nUUID=2 {disk} ext4 nofail 0 2\n")
    owned.stub("mountpoint", "exit 32")
    finished = owned.run("reset", RESET)
    assert finished.status == 1
    assert f"expected the file system of {owned.path(STATE)} at {disk}, as " in finished.stderr
    assert "belongs to no cluster" not in finished.stderr
    owned.stub("mountpoint")
    owned.write(f"{STATE}/owner", RESET["CLUSTER_ID"])
    assert owned.run("reset", RESET).status == 0


def test_a_reset_says_what_stays_on_a_disk_that_is_not_mounted(owned: Machine) -> None:
    """Such as every Secret of the cluster; the disk may be broken, and the reset goes on."""
    disk = owned.path("/var/lib/etcd")
    owned.write("/etc/fstab", f"UUID=1 / ext4 defaults 0 1\nUUID=2 {disk} ext4 nofail 0 2\n")
    owned.stub("mountpoint", "exit 32")
    finished = owned.run("reset", RESET)
    assert finished.status == 0, finished.stderr
    assert f"node1: what a file system has for {disk} stays there: none is mounted at {disk}\n" in finished.stderr


def test_a_reset_unmounts_the_cgroups_that_calico_mounted(owned: Machine) -> None:
    """Nobody can delete a file of theirs: no host would ever leave its stack without a reboot."""
    cgroups = owned.path("/var/run/calico/cgroup")
    cgroups.mkdir(parents=True)
    (cgroups / "cgroup.procs").touch()
    owned.write("/proc/mounts", f"none {cgroups} cgroup2 rw,relatime 0 0\n")
    owned.stub("umount", ': >"$ROOT/proc/mounts"; rm "$1/cgroup.procs"')
    owned.stub("find", f'[[ ! -e {cgroups}/cgroup.procs ]] || exit 1; exec {shutil.which("find")} "$@"')
    finished = owned.run("reset", RESET)
    assert finished.status == 0, finished.stderr
    assert not cgroups.exists()


@pytest.mark.parametrize("point", ["/var/log/kubernetes/audit", "/var/lib/etcd/wal/disk", SNAPSHOTS])
def test_a_reset_empties_a_disk_below_its_directories_and_leaves_the_mount_point(owned: Machine, point: str) -> None:
    """No program deletes a directory on which a disk is mounted."""
    log = owned.write(f"{point}/a/content", "x")
    owned.write("/proc/mounts", f"/dev/sdb1 {owned.path(point)} ext4 rw 0 0\n")
    finished = owned.run("reset", RESET)
    assert finished.status == 0, finished.stderr
    assert not log.exists()
    assert list(owned.path(point).iterdir()) == []
    assert not owned.path(f"{STATE}/owner").exists()
