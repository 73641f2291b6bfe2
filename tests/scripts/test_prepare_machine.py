"""The part of `prepare` that looks at a machine: all that is wrong with it is named before anything is changed."""

from __future__ import annotations

import re
import shutil

import pytest

from components.host_files.apt import LOGINS
from components.steps.scripts import SCRIPTS
from tests.scripts.contract import OF_EVERY_PREPARATION
from tests.scripts.machine import Machine
from tests.scripts.preparation import CLUSTER, LOGIN, MACHINE_VALUES

ORDER = re.search(r"^for part in (.*?); do$", (SCRIPTS / "steps" / "prepare.sh").read_text(), re.MULTILINE | re.DOTALL)
assert ORDER
PARTS_BEFORE_PROGRAMS = ORDER[1].partition(" programs ")[0].split()


def test_a_sound_machine_is_only_looked_at(sound: Machine) -> None:
    """Nothing is said and nothing changed."""
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert (finished.status, finished.stderr) == (0, "")
    assert "apt-get" not in " ".join(sound.calls())


@pytest.mark.parametrize(("address", "status"), [("192.0.2.11", 0), ("192.0.2.1", 1)])
def test_an_address_with_a_peer_is_one_of_the_machine_and_its_peers_is_not(
    sound: Machine, address: str, status: int
) -> None:
    """As on a routed server. `ip` with `to` compares the machine's own addresses alone."""
    shown = "2: eth0 inet 192.0.2.11 peer 192.0.2.1/32 scope global eth0"
    sound.stub("ip", f'[[ $* == *" to "* && $* != *" to 192.0.2.11/32" ]] || echo "{shown}"')
    finished = sound.run_part("machine", MACHINE_VALUES | {"NODE_IP": address})
    assert finished.status == status, finished.stderr
    assert (f"expected the node's address {address} on one of the network cards" in finished.stderr) == (status == 1)


def test_the_first_boot_of_a_clouds_machine_is_waited_for(machine: Machine) -> None:
    """Its SSH server answers while cloud-init still installs packages, and may reboot."""
    machine.replace("parts/prepare/first_boot", "FIRST_BOOT_SECONDS=600", "FIRST_BOOT_SECONDS=1")
    assert machine.run_part("first_boot").status == 0, "no cloud-init"
    machine.write("/run/cloud-init/status.json", "{}")
    finished = machine.run_part("first_boot")
    assert finished.status == 1
    assert "expected cloud-init to end within 1 s,\n  saw it still runs\n" in finished.stderr
    machine.stub("sleep", 'touch "$ROOT/run/cloud-init/result.json"')
    assert machine.run_part("first_boot").status == 0
    machine.path("/run/cloud-init/result.json").unlink()
    machine.write("/var/lib/pulumi-kubeadm/prepared", "yes")
    assert machine.run_part("first_boot").status == 0, "a host that is prepared may boot"


def test_a_machine_that_is_unfit_gets_no_password_and_no_mark(sound: Machine) -> None:
    """The step `repositories` comes before the preparation, and looks at the machine first, as that does."""
    sound.stub("stat", f'[[ "$*" != *%T* ]] || exec echo cgroup2fs; exec {shutil.which("stat")} "$@"')
    finished = sound.run("repositories", CLUSTER | MACHINE_VALUES | {"NODE_IP": "192.0.2.1"}, [LOGIN])
    assert finished.status == 1
    assert "node1: repositories: expected the node's address 192.0.2.1 on one of the network cards" in finished.stderr
    assert not sound.path(LOGINS).exists()
    assert not sound.path("/var/lib/pulumi-kubeadm/owner").exists()
    finished = sound.run("repositories", CLUSTER | MACHINE_VALUES, [LOGIN])
    assert finished.status == 0, finished.stderr
    assert sound.path(LOGINS).read_text() == LOGIN.content


def test_a_preparation_that_an_older_version_recorded_is_repaired(sound: Machine) -> None:
    """Its variables are those of its time."""
    values = {name: value for name, value in MACHINE_VALUES.items() if name in OF_EVERY_PREPARATION}
    finished = sound.run_part("machine", values)
    assert (finished.status, finished.stderr) == (0, "")


def test_all_that_is_wrong_with_a_machine_is_said_at_once(sound: Machine) -> None:
    """Before anything is changed."""
    sound.write("/proc/meminfo", "MemTotal:        1048576 kB\n")
    sound.stub("df", 'case "$*" in\n*avail\\ --block*) printf "Avail\\n 100\\n" ;;\n*) printf "I F\\n 1 7\\n" ;;\nesac')
    sound.stub("stat", "echo tmpfs")
    finished = sound.run_part("machine", MACHINE_VALUES | {"NODE_IP": "192.0.2.1"})
    assert finished.status == 1
    expected = [line.partition("expected ")[2] for line in finished.stderr.splitlines() if "expected" in line]
    assert expected == [
        "at least 1700 MiB of memory,",
        f"at least 4096 MiB free for {sound.path('/var/lib/containerd')},",
        f"at least 50000 free inodes for {sound.path('/var/lib/containerd')},",
        "cgroup v2, which Kubernetes 1.36.3 needs,",
        "the node's address 192.0.2.1 on one of the network cards,",
    ]


@pytest.mark.parametrize(
    "values", [{"ROLE": "worker"}, {"MINIMUM_MEMORY_MIB": "1024"}], ids=["a worker", "another minimum"]
)
def test_memory_counts_on_a_control_plane_by_the_minimum_of_the_stack(sound: Machine, values: dict[str, str]) -> None:
    """The minimum is that of kubeadm for control planes."""
    sound.write("/proc/meminfo", "MemTotal:        1048576 kB\n")
    assert sound.run_part("machine", MACHINE_VALUES | values).status == 0


@pytest.mark.parametrize(
    ("values", "is_fine"),
    [
        ({}, False),
        ({"ROLE": "worker"}, True),
        ({"IGNORE_PREFLIGHT_ERRORS": "Swap,NumCPU"}, True),
        ({"IGNORE_PREFLIGHT_ERRORS": "all"}, True),
        ({"IGNORE_PREFLIGHT_ERRORS": "Swap"}, False),
    ],
)
def test_a_control_plane_of_one_cpu_is_named_before_anything_is_changed(
    sound: Machine, values: dict[str, str], is_fine: bool
) -> None:
    """kubeadm would name it after packages and images are there, unless the stack ignores the check."""
    sound.stub("nproc", "echo 1")
    finished = sound.run_part("machine", MACHINE_VALUES | values)
    assert (finished.status == 0) == is_fine
    assert is_fine or "expected at least 2 CPUs,\n  saw 1\n" in finished.stderr


@pytest.mark.parametrize("version", [1, 2])
def test_a_kernel_without_the_memory_cgroup_is_named_before_anything_is_changed(sound: Machine, version: int) -> None:
    """Images for small boards switch it off."""
    sound.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n")
    if version == 1:
        sound.path("/sys/fs/cgroup/cgroup.controllers").unlink()
        sound.write("/proc/cgroups", "#subsys_name hierarchy num_cgroups enabled\nmemory 0 1 0\n")
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert finished.status == 1
    assert "expected the memory cgroup" in finished.stderr
    assert "cgroup_enable=memory" in finished.stderr
    assert sound.run_part("machine", MACHINE_VALUES | {"IGNORE_PREFLIGHT_ERRORS": "SystemVerification"}).status == 0
    if version == 1:
        sound.write("/proc/cgroups", "#subsys_name hierarchy num_cgroups enabled\nmemory 0 1 1\n")
        assert sound.run_part("machine", MACHINE_VALUES).status == 0


@pytest.mark.parametrize(("kernel", "is_fine"), [("5.10.0-28-amd64", False), ("6.1.0-18-amd64", True)])
def test_a_kernel_that_the_mode_of_kube_proxy_does_not_run_on_is_named(
    sound: Machine, kernel: str, is_fine: bool
) -> None:
    """kube-proxy would end on every node."""
    sound.stub("uname", f"echo {kernel}")
    finished = sound.run_part("machine", MACHINE_VALUES | {"OLDEST_KERNEL": "5.13"})
    assert (finished.status == 0) == is_fine
    assert is_fine or f"expected Linux 5.13 or newer, for the mode of kube-proxy,\n  saw {kernel}" in finished.stderr


@pytest.mark.parametrize(
    ("free", "problem"),
    [
        ({"containerd": 9000, "var": 1500}, None),
        ({"containerd": 3000, "var": 90000}, "at least 4096 MiB free for {}/var/lib/containerd,\n  saw 3000 MiB"),
        ({"containerd": 9000, "var": 900}, "at least 1024 MiB free for {}/var,\n  saw 900 MiB"),
    ],
)
def test_each_file_system_is_measured(sound: Machine, free: dict[str, int], problem: str | None) -> None:
    """containerd's data may be on a disk of its own, beside a small /var, or the reverse."""
    sound.path("/var/lib/containerd").mkdir(parents=True)
    sound.stub("stat", 'case "$*" in *%d*containerd) echo 2 ;; *%d*) echo 1 ;; *) echo cgroup2fs ;; esac')
    sound.stub(
        "df",
        'case "$*" in\n*itotal*) printf "I F\\n 1 60000\\n" ;;\n'
        f'*containerd) printf "Avail\\n {free["containerd"]}\\n" ;;\n*) printf "Avail\\n {free["var"]}\\n" ;;\nesac',
    )
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert (finished.status == 0) == (problem is None), finished.stderr
    assert problem is None or problem.format(sound.root) in finished.stderr


def test_a_disk_that_is_not_mounted_is_named_before_it_is_missed(sound: Machine) -> None:
    """Images and data of etcd would be on another disk, and hidden once this one is mounted; each is named once."""
    data, disk = sound.path("/var/lib/etcd"), sound.path("/var/lib")
    sound.write("/etc/fstab", f"UUID=1 / ext4 defaults 0 1\n#UUID=2 {disk} ext4\nUUID=3 {data} ext4 nofail 0 2\n")
    sound.stub("mountpoint", "exit 32")
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert finished.status == 1
    assert f"expected the file system of {data} at {data}, as " in finished.stderr
    assert "saw nothing mounted there" in finished.stderr
    sound.write("/etc/fstab", f"UUID=1 / ext4 defaults 0 1\nUUID=2 {disk} ext4 nofail 0 2\n")
    assert sound.run_part("machine", MACHINE_VALUES).stderr.count("expected") == 1
    sound.stub("mountpoint")
    assert sound.run_part("machine", MACHINE_VALUES).status == 0


def test_cgroup_v1_is_fine_where_kubernetes_takes_it(sound: Machine) -> None:
    """Up to 1.34, and later where the stack says so."""
    sound.stub("stat", "echo tmpfs")
    assert sound.run_part("machine", MACHINE_VALUES | {"CGROUP_V1_IS_REFUSED": "false"}).status == 0


def test_a_prepared_machine_needs_no_free_disk(sound: Machine) -> None:
    """Its packages and images are what took it."""
    sound.stub("df", 'printf "Avail\\n 100\\n"')
    sound.write("/var/lib/pulumi-kubeadm/prepared", "")
    assert sound.run_part("machine", MACHINE_VALUES).status == 0


ESSENTIAL = {
    "base": "awk bash cmp dpkg dpkg-query find flock getent grep hostname mountpoint sed xargs",
    "coreutils": "basename cat chmod comm cp cut df dirname env head install ln ls mkdir mktemp mv nproc paste"
    " printf readlink realpath rm sha256sum sleep sort stat sync tail timeout touch tr true uname wc",
    "apt": "apt-cache apt-get",
}
"""Programs that every Debian has: of packages that are essential, or needed by these, and of apt."""


def test_parts_before_programs_are_installed_need_those_of_every_debian_alone(sound: Machine) -> None:
    """A machine without ip is told so, and not that its address is missing."""
    every = sound.root / "every-debian"
    every.mkdir()
    for name in " ".join(ESSENTIAL.values()).split():
        (every / name).symlink_to(shutil.which(name) or f"/nowhere/{name}")
    sound.replace("run", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", str(every))
    parts = "".join(f'. "$LIBRARY/parts/prepare/{name}.sh"\n' for name in PARTS_BEFORE_PROGRAMS)
    sound.script("parts", f'. "$LIBRARY/lib/lib.sh"\n{parts}')
    values = MACHINE_VALUES | {"CLUSTER_ID": "kubeadm/dev", "CLUSTER_NAME": "dev", "KEYRINGS": "", "VIP": "192.0.2.100"}
    values["API_HOST"] = ""
    card = 'echo "2: eth0 inet 192.0.2.11/24 brd 192.0.2.255 scope global eth0"'
    sound.stub("ip", f"[[ $* == *broadcast* ]] || {card}")
    finished = sound.run("parts", values)
    assert (finished.status, finished.stderr) == (0, "")
    (sound.root / "stubs" / "ip").unlink()
    finished = sound.run("parts", values)
    assert finished.status == 1
    assert finished.stderr.startswith("node1: parts: expected the program ip of the package iproute2")
    assert finished.stderr.count("expected") == 1, finished.stderr
    assert "command not found" not in finished.stderr


@pytest.mark.parametrize(
    ("candidate", "is_of_distribution", "seen"),
    [
        ("1.4.13~ds1-1~deb11u4", "true", "saw 1.4.13~ds1-1~deb11u4 of the package containerd\n"),
        ("1.4.13~ds1-1~deb11u4", "false", None),
        ("(none)", "true", None),
    ],
)
def test_a_containerd_of_the_distribution_that_is_too_old_is_a_finding(
    sound: Machine, candidate: str, is_of_distribution: str, seen: str | None
) -> None:
    """Unless a repository of the stack may have another one, or apt has no package lists yet."""
    sound.stub("apt-cache", f'echo "  Candidate: {candidate}"')
    finished = sound.run_part("machine", MACHINE_VALUES | {"CONTAINERD_IS_OF_DISTRIBUTION": is_of_distribution})
    assert finished.status == (1 if seen else 0)
    assert seen is None or seen in finished.stderr
    assert not [call for call in sound.calls() if call.startswith("apt-get")]


def test_a_recorded_preparation_that_does_not_say_where_containerd_comes_from_is_not_refused_here(
    sound: Machine,
) -> None:
    """Its state is of an older version of this project."""
    sound.stub("apt-cache", 'echo "  Candidate: 1.4.13"')
    values = {name: value for name, value in MACHINE_VALUES.items() if name != "CONTAINERD_IS_OF_DISTRIBUTION"}
    assert sound.run_part("machine", values).status == 0


def test_a_machine_without_a_release_is_refused_where_a_repository_needs_it(sound: Machine) -> None:
    """Debian unstable has none, and Docker no packages for it."""
    sound.write("/etc/os-release", 'ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n')
    needs_release = MACHINE_VALUES | {"NEED_RELEASE": "containerd.list"}
    finished = sound.run_part("machine", needs_release)
    assert finished.status == 1
    assert "of which containerd.list names the packages,\n  saw PRETTY_NAME=" in finished.stderr
    assert "containerd.package" in finished.stderr
    assert sound.run_part("machine", MACHINE_VALUES).status == 0
    sound.write("/etc/os-release", "ID=debian\nVERSION_CODENAME=trixie\n")
    assert sound.run_part("machine", needs_release).status == 0


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ('KUBELET_EXTRA_ARGS="--node-ip=192.168.56.109"\n', "--node-ip=192.168.56.109"),
        ("KUBELET_EXTRA_ARGS=--v=4 --node-ip 192.168.56.109 --max-pods=9\n", "--node-ip=192.168.56.109"),
        ("KUBELET_EXTRA_ARGS='--hostname-override=template'\n", "--hostname-override=template"),
        ("KUBELET_EXTRA_ARGS='--config /etc/kubelet.yaml'\n", "--config=/etc/kubelet.yaml"),
        ("# KUBELET_EXTRA_ARGS=--node-ip=192.168.56.109\nKUBELET_EXTRA_ARGS=\n", None),
        ('KUBELET_EXTRA_ARGS="--node-ip=192.0.2.11 --hostname-override node1 --v 4"\n', None),
    ],
)
def test_arguments_of_the_kubelet_that_the_guide_wrote_are_found_on_a_clone(
    sound: Machine, content: str, seen: str | None
) -> None:
    """They override the address that the stack gives to the node; where the two agree they stay."""
    path = sound.write("/etc/default/kubelet", content)
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert (finished.status == 0) == (seen is None), finished.stderr
    if seen:
        assert f"that overrides the arguments of the stack,\n  saw {seen} in {path}\n" in finished.stderr
    sound.write("/etc/kubernetes/kubelet.conf", "")
    assert sound.run_part("machine", MACHINE_VALUES).status == 0, "a node runs with them: drift names them"
