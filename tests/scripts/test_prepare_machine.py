"""Parts of `prepare` that look at a machine, claim it and set its kernel up."""

from __future__ import annotations

import re
import shutil

import pytest

from components.host_files import File
from components.host_files.apt import LOGINS
from components.steps.scripts import SCRIPTS
from tests.scripts.cluster import FOREIGN_MACHINE
from tests.scripts.contract import OF_EVERY_PREPARATION
from tests.scripts.machine import Machine
from tests.unit.support.listening import listening

ORDER = re.search(r"^for part in (.*?); do$", (SCRIPTS / "steps" / "prepare.sh").read_text(), re.MULTILINE | re.DOTALL)
assert ORDER
PARTS_BEFORE_PROGRAMS = ORDER[1].partition(" programs ")[0].split()

SYSCTLS = (
    "net.ipv4.ip_forward = 1\nvm.swappiness = 0\nnet.ipv4.tcp_rmem = 4096 131072 6291456\n"
    "kernel.core_pattern = |/bin/core --signal=\n"
)


@pytest.fixture
def kernel(machine: Machine) -> Machine:
    """A machine whose kernel has one module built in, can load another, and has other sysctls."""
    machine.write("/proc/filesystems", "nodev\tproc\n\text4\n")
    machine.write("/proc/sys/net/ipv4/ip_forward", "0\n")
    machine.write("/proc/sys/vm/swappiness", "60\n")
    machine.write("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n")
    machine.write("/proc/sys/kernel/core_pattern", "|/bin/core --signal=\n")
    machine.write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n")
    machine.stub("modprobe", '[[ $1 == --* ]] || printf "nodev\\t%s\\n" "$1" >>"$ROOT/proc/filesystems"')
    machine.stub(
        "sysctl",
        'TAB=$(printf "\\t"); [[ $1 == --quiet ]] && while read -r name _ value; do\n'
        '  echo "${value// /$TAB}" >"$ROOT/proc/sys/${name//.//}"\ndone <"$3"',
    )
    return machine


KERNEL_FILES = [
    File("/etc/modules-load.d/kubernetes.conf", "overlay\nbr_netfilter\n"),
    File("/etc/sysctl.d/99-kubernetes.conf", SYSCTLS),
]


def test_modules_are_loaded_and_sysctls_hold_now_and_after_a_reboot(kernel: Machine) -> None:
    """A module that is built in is not loaded."""
    finished = kernel.run_part("kernel", {"MODULES": "overlay br_netfilter"}, KERNEL_FILES)
    assert finished.status == 0, finished.stderr
    assert kernel.path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"
    assert kernel.path("/proc/sys/vm/swappiness").read_text() == "0\n"
    assert kernel.path("/etc/sysctl.d/99-kubernetes.conf").read_text() == SYSCTLS
    assert kernel.path("/etc/modules-load.d/kubernetes.conf").read_text() == "overlay\nbr_netfilter\n"
    assert next(call for call in kernel.calls() if not call.endswith("--showconfig")) == "modprobe overlay"


def test_modules_and_sysctls_that_hold_are_left_alone(kernel: Machine) -> None:
    """Tabs of the kernel are no difference, and a value may end as a name does, with an equals sign."""
    finished = kernel.run_part_twice("kernel", {"MODULES": "overlay br_netfilter"}, KERNEL_FILES)
    assert (finished.stderr, set(kernel.calls())) == ("", {"modprobe --showconfig"})


@pytest.mark.parametrize(
    ("line", "is_barred"),
    [
        ("install overlay /bin/true", True),
        ("install overlay /usr/bin/false", True),
        ("blacklist overlay", True),
        ("install overlay /sbin/modprobe --ignore-install overlay", False),
        ("blacklist overlayfs", False),
        ("options overlay metacopy=on", False),
    ],
)
@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_module_that_the_next_boot_does_not_load_is_named(
    kernel: Machine, line: str, *, is_barred: bool, is_loaded: bool
) -> None:
    """modprobe succeeds with each of them, and no container starts, or none after a reboot, unless it is built in."""
    if is_loaded:
        kernel.write("/proc/filesystems", "nodev\toverlay\n")
    loads = 'overlay) printf "nodev\\toverlay\\n" >>"$ROOT/proc/filesystems" ;;'
    shows = f'case "$*" in --showconfig) echo "{line}" ;; {loads} *)'
    kernel.stub("modprobe", f'{shows} echo "insmod x.ko" ;; esac')
    finished = kernel.run_part("kernel", {"MODULES": "overlay"}, KERNEL_FILES)
    assert (finished.status == 1) == is_barred, finished.stderr
    if is_barred:
        assert f"expected kernel module overlay, also after a reboot,\n  saw {line}\n" in finished.stderr
        assert "grep -rw overlay" in finished.stderr
    kernel.stub("modprobe", f'{shows} echo "builtin overlay" ;; esac')
    assert kernel.run_part("kernel", {"MODULES": "overlay"}, KERNEL_FILES).status == 0


LATER = "/etc/sysctl.d/99-sysctl.conf"
LAST = "/etc/sysctl.d/zz-pulumi-kubeadm.conf"


@pytest.mark.parametrize(
    ("path", "content", "differs"),
    [
        (LATER, "#vm.swappiness=10\nvm.max_map_count=262144\n", False),
        (LATER, "; x\nvm.swappiness=0\nnet.ipv4.tcp_rmem=4096\t131072  6291456\n", False),
        (LATER, "net.ipv4.ip_forward=0\n", True),
        (LATER, " -net/ipv4/ip_forward = 0 \n", True),
        ("/run/sysctl.d/99-z.conf", "vm.swappiness = 60\n", True),
        ("/etc/sysctl.d/10-early.conf", "vm.swappiness = 60\n", False),
    ],
)
def test_sysctls_hold_after_a_reboot_where_a_later_file_has_others(
    kernel: Machine, path: str, content: str, differs: bool
) -> None:
    """Images that were hardened turn forwarding off in /etc/sysctl.conf, to which 99-sysctl.conf is a link."""
    kernel.script(
        "both",
        '. "$LIBRARY/lib/lib.sh"\n. "$LIBRARY/parts/prepare/leftovers.sh"\n. "$LIBRARY/parts/prepare/kernel.sh"',
    )
    values = {"MODULES": "", "KEYRINGS": ""}
    kernel.write(path, content)
    for _ in range(2):
        finished = kernel.run("both", values, KERNEL_FILES)
        assert finished.status == 0, finished.stderr
        assert kernel.path(LAST).exists() == differs
    assert finished.stderr == "", "the second run changes nothing"
    if differs:
        assert kernel.path(LAST).read_text() == SYSCTLS
    kernel.path(path).unlink()
    assert kernel.run("both", values, KERNEL_FILES).status == 0
    assert not kernel.path(LAST).exists()


def test_a_sysctl_that_does_not_take_is_an_error(kernel: Machine) -> None:
    """A container may not set every one of them."""
    kernel.stub("sysctl", 'echo "vm.swappiness = 60"')
    finished = kernel.run_part("kernel", {"MODULES": ""}, KERNEL_FILES)
    assert finished.status == 1
    assert "expected the sysctls of the stack,\n  saw vm.swappiness = 60\n" in finished.stderr


def test_a_sysctl_that_the_kernel_lacks_is_named_before_it_is_set(kernel: Machine) -> None:
    """sysctl would say only that it cannot stat a file, at each boot too."""
    files = [
        KERNEL_FILES[0],
        File("/etc/sysctl.d/99-kubernetes.conf", f"{SYSCTLS}net.netfilter.nf_conntrack_max = 1\n"),
    ]
    finished = kernel.run_part("kernel", {"MODULES": ""}, files)
    assert finished.status == 1
    assert "saw none of the name net.netfilter.nf_conntrack_max\n" in finished.stderr
    assert "system.modules" in finished.stderr
    assert not kernel.path("/etc/sysctl.d/99-kubernetes.conf").exists()


def test_a_sysctl_of_a_vlan_has_its_dot_in_the_name_of_the_card(kernel: Machine) -> None:
    """sysctl.d(5): a `/` in a name stands for a dot."""
    kernel.write("/proc/sys/net/ipv4/conf/eth0.100/rp_filter", "2\n")
    files = [KERNEL_FILES[0], File("/etc/sysctl.d/99-kubernetes.conf", "net.ipv4.conf.eth0/100.rp_filter = 2\n")]
    finished = kernel.run_part("kernel", {"MODULES": ""}, files)
    assert finished.status == 0, finished.stderr
    assert not [call for call in kernel.calls() if call.startswith("sysctl")]


def test_a_module_that_is_not_there_is_an_error(kernel: Machine) -> None:
    """With what modprobe said."""
    kernel.stub("modprobe", '[[ $1 != --* ]] || exit 0; echo "modprobe: FATAL: Module $1 not found" >&2; exit 1')
    finished = kernel.run_part("kernel", {"MODULES": "overlay"}, KERNEL_FILES)
    assert finished.status == 1
    expected = "node1: part: expected kernel module overlay,\n  saw modprobe: FATAL: Module overlay not found\n"
    assert expected in finished.stderr
    assert finished.stderr.count("expected") == 1


CLUSTER = {"CLUSTER_ID": "0123456789abcdef", "CLUSTER_NAME": "dev"}


def test_a_free_machine_becomes_the_cluster_s(machine: Machine) -> None:
    """And stays it."""
    for _ in range(2):
        assert machine.run_part("owner", CLUSTER).status == 0
        assert machine.path("/var/lib/pulumi-kubeadm/owner").read_text() == "0123456789abcdef"


def test_a_machine_of_another_cluster_is_left_alone(machine: Machine) -> None:
    """Two clusters on one machine would wreck each other."""
    machine.write("/var/lib/pulumi-kubeadm/owner", "fedcba9876543210")
    machine.write("/var/lib/pulumi-kubeadm/cluster-name", "production")
    finished = machine.run_part("owner", CLUSTER)
    assert finished.status == 1
    assert "saw it belongs to cluster production (fedcba9876543210)" in finished.stderr
    assert machine.path("/var/lib/pulumi-kubeadm/owner").read_text() == "fedcba9876543210"


def test_a_node_is_not_prepared_under_a_second_name(machine: Machine) -> None:
    """A machine that is no node yet takes the new name, and is not reset for the old one."""
    assert machine.run_part("owner", CLUSTER).status == 0
    machine.write("/etc/kubernetes/kubelet.conf", "")
    finished = machine.run_part("owner", CLUSTER | {"HOST_NAME": "node9"})
    assert finished.status == 1
    assert "expected a machine that is no node yet, or is node node9,\n  saw it is node node1" in finished.stderr
    machine.path("/etc/kubernetes/kubelet.conf").unlink()
    assert machine.run_part("owner", CLUSTER | {"HOST_NAME": "node9"}).status == 0
    reset = machine.run("reset", CLUSTER | {"HOST_NAME": "node1"})
    assert (reset.status, reset.stderr) == (0, "node1: the machine is node9 of this cluster now: nothing is reset\n")


@pytest.mark.parametrize("leftover", ["/etc/kubernetes/kubelet.conf", "/etc/kubernetes/manifests/etcd.yaml"])
def test_a_machine_with_another_cluster_is_left_alone(machine: Machine, leftover: str) -> None:
    """Whoever made it may still need it."""
    machine.write(leftover, "x")
    finished = machine.run_part("owner", CLUSTER)
    assert finished.status == 1
    assert "expected a machine without Kubernetes" in finished.stderr
    assert finished.stderr.index("make repair") < finished.stderr.index(FOREIGN_MACHINE)
    assert "kubeadm reset" not in finished.stderr, "a running cluster may be the one of this stack"
    assert not machine.path("/var/lib/pulumi-kubeadm/owner").exists()


def test_a_directory_that_cannot_be_read_is_not_one_without_another_cluster(machine: Machine) -> None:
    """As on a disk with errors."""
    machine.path("/etc/kubernetes").mkdir()
    machine.stub("find", "echo Input/output error >&2; exit 1")
    finished = machine.run_part("owner", CLUSTER)
    assert finished.status == 1
    assert "find" in finished.stderr
    assert not machine.path("/var/lib/pulumi-kubeadm/owner").exists()


def test_etcd_data_alone_are_another_cluster_too(machine: Machine) -> None:
    """They are what cannot be made again."""
    machine.path("/var/lib/etcd/member").mkdir(parents=True)
    assert machine.run_part("owner", CLUSTER).status == 1


MACHINE_VALUES = {
    "ROLE": "control-plane",
    "MINIMUM_MEMORY_MIB": "1700",
    "MINIMUM_FREE_DISK_MIB": "4096",
    "KUBERNETES_VERSION": "1.36.3",
    "CGROUP_V1_IS_REFUSED": "true",
    "NODE_IP": "192.0.2.11",
    "OWN_LOAD_BALANCER": "",
    "VIP": "",
    "IGNORE_PREFLIGHT_ERRORS": "",
    "OLDEST_KERNEL": "",
    "CONTAINERD_PACKAGE": "containerd",
    "CONTAINERD_IS_OF_DISTRIBUTION": "true",
    "OLDEST_CONTAINERD": "1.6",
    "NEED_RELEASE": "",
    "RESOLVER_CONFIGURATION": "",
}


@pytest.fixture
def sound(machine: Machine) -> Machine:
    """A machine on which everything is as it has to be."""
    machine.write("/proc/meminfo", "MemTotal:        2097152 kB\nMemFree: 1 kB\n")
    machine.path("/var").mkdir(exist_ok=True)
    machine.path("/run/systemd/system").mkdir(parents=True)
    machine.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
    machine.stub("nproc", "echo 2")
    machine.stub(
        "df", 'case "$*" in\n*avail\\ --block*) printf "Avail\\n 9000\\n" ;;\n*) printf "I F\\n 1 60000\\n" ;;\nesac'
    )
    machine.stub("stat", "echo cgroup2fs")
    machine.stub("apt-get")
    machine.stub("hostname", "echo 192.0.2.11")
    machine.stub("dpkg-query", "exit 1")
    machine.stub("apt-cache", 'echo "  Candidate: 1.7.24~ds1-6"')
    machine.stub("ip", 'echo "2: eth0 inet 192.0.2.11/24 brd 192.0.2.255 scope global eth0"')
    machine.stub("systemctl", "exit 3")
    machine.write("/etc/resolv.conf", "search example.com\nnameserver 192.0.2.53\n")
    return machine


def test_a_sound_machine_is_only_looked_at(sound: Machine) -> None:
    """Nothing is said and nothing changed."""
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert (finished.status, finished.stderr) == (0, "")
    assert "apt-get" not in " ".join(sound.calls())


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


LOGIN = File(LOGINS, "machine apt.example.com login robot password canary\n", mode="0600")


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


def test_a_load_balancer_that_no_name_server_knows_is_missed_before_anything_is_changed(sound: Machine) -> None:
    """kubeadm would wait for minutes, and then name the kubelet."""
    sound.stub("getent", "[[ $2 == localhost ]]")
    with listening(lambda _: None) as (port, _):
        assert sound.run_part("machine", MACHINE_VALUES | {"OWN_LOAD_BALANCER": f"localhost:{port}"}).status == 0
    finished = sound.run_part("machine", MACHINE_VALUES | {"OWN_LOAD_BALANCER": "lb.example.com"})
    assert finished.status == 1
    assert "expected an address of lb.example.com, the load balancer of the API,\n  saw none" in finished.stderr


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("echo 'bash: connect: Connection refused'; exit 1", None),
        ("exit 124", "none within 5 s"),
        ("echo 'bash: connect: No route to host'; exit 1", "bash: connect: No route to host"),
    ],
)
def test_a_load_balancer_that_is_not_there_is_missed_before_anything_is_changed(
    sound: Machine, answer: str, missing: str | None
) -> None:
    """One that is there refuses connections before the first API server; a node has found it, and it may be away."""
    sound.stub("getent")
    sound.stub("timeout", f'[[ $1 == 5 ]] || exec {shutil.which("timeout")} "$@"\n{answer}')
    values = MACHINE_VALUES | {"OWN_LOAD_BALANCER": "lb.example.com:8443"}
    finished = sound.run_part("machine", values)
    assert finished.status == (missing is not None), finished.stderr
    assert "timeout 5 bash" in "".join(sound.calls())
    expected = "expected an answer at port 8443 of lb.example.com, the load balancer of the API"
    assert not missing or f"{expected},\n  saw {missing}" in finished.stderr
    for kubeconfig in ("kubelet", "admin"):
        path = sound.write(f"/etc/kubernetes/{kubeconfig}.conf", "    server: https://lb.example.com:8443\n")
        assert sound.run_part("machine", values).status == 0
        path.unlink()


@pytest.mark.parametrize("server", ["192.0.2.11:6443", "lb.example.com:6443", "lb-example.com:8443"])
def test_a_node_is_led_to_no_load_balancer_that_is_not_there(sound: Machine, server: str) -> None:
    """Its cluster serves: a connection that is refused says that nobody would find the API."""
    sound.stub("getent")
    sound.stub("timeout", f'[[ $1 == 5 ]] || exec {shutil.which("timeout")} "$@"\necho Connection refused; exit 1')
    sound.write("/etc/kubernetes/kubelet.conf", f"    server: https://{server}\n")
    values = MACHINE_VALUES | {"OWN_LOAD_BALANCER": "lb.example.com:8443"}
    finished = sound.run_part("machine", values)
    assert finished.status == 1
    assert "expected an answer at port 8443 of lb.example.com" in finished.stderr
    sound.stub("timeout", f'[[ $1 == 5 ]] || exec {shutil.which("timeout")} "$@"')
    assert sound.run_part("machine", values).status == 0


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


@pytest.fixture
def two_cards(sound: Machine) -> Machine:
    """A machine whose node has an address of eth1, in 192.0.2.0/24; eth0 is in another network."""
    sound.stub(
        "ip",
        'case "$*" in\n*"address show"*) echo "3: eth1    inet 192.0.2.11/24 brd 192.0.2.255 scope global eth1" ;;\n'
        '*"route show match 192.0.2.100/32 dev eth1 scope link") echo "192.0.2.0/24 proto kernel src 192.0.2.11" ;;\n'
        '*"route show match"*"dev eth0 scope link") echo "198.51.100.0/24 proto kernel" ;;\n'
        '*"route show dev eth1 scope link") echo "192.0.2.0/24 proto kernel src 192.0.2.11" ;;\nesac',
    )
    return sound


def test_a_virtual_address_of_another_network_is_refused_before_anything_is_changed(two_cards: Machine) -> None:
    """The machine would hold it, and nobody would find it there. It may be in the network of another card."""
    assert two_cards.run_part("machine", MACHINE_VALUES | {"VIP": "192.0.2.100"}).stderr == ""
    finished = two_cards.run_part("machine", MACHINE_VALUES | {"VIP": "198.51.100.9"})
    assert finished.status == 1
    assert (
        "expected the virtual address 198.51.100.9 in a network of eth1, which has the node's address 192.0.2.11,\n"
        "  saw 192.0.2.0/24 proto kernel src 192.0.2.11\n"
        "  Next: ip -4 route show dev eth1; correct cluster.vip.address in the stack file\n"
    ) in finished.stderr


def test_a_virtual_address_that_no_machine_can_have_is_refused(two_cards: Machine) -> None:
    """Others would send to all machines of the network, or to none."""
    values = MACHINE_VALUES | {"VIP": "192.0.2.100"}
    works = (two_cards.root / "stubs" / "ip").read_text()
    of_all = '*"table local exact 192.0.2.100/32 dev eth1 type broadcast") echo "broadcast 192.0.2.100" ;;\n'
    two_cards.path("/stubs/ip").write_text(works.replace("in\n", f"in\n{of_all}", 1))
    finished = two_cards.run_part("machine", values)
    assert finished.status == 1
    assert "expected a virtual address that one machine can have,\n  saw broadcast 192.0.2.100\n" in finished.stderr
    two_cards.path("/stubs/ip").write_text(works.replace("192.0.2.0/24 proto", "192.0.2.100/24 proto"))
    finished = two_cards.run_part("machine", values)
    assert finished.status == 1
    assert "saw the address of the network 192.0.2.100/24 proto kernel" in finished.stderr


def test_a_recorded_step_knows_no_virtual_address(sound: Machine) -> None:
    """`make repair` gives it to these scripts."""
    older = {name: value for name, value in MACHINE_VALUES.items() if name != "VIP"}
    assert sound.run_part("machine", older).status == 0


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
    ("name", "is_fine"),
    [
        ("05-cilium.conflist", False),
        ("87-podman-bridge.conflist", False),
        ("10-calico.conflist", True),
        ("x.bak", True),
    ],
)
def test_the_pod_network_of_another_cluster_is_found_before_anything_is_changed(
    sound: Machine, name: str, is_fine: bool
) -> None:
    """`kubeadm reset` leaves it: each node would be Ready with it, and no pod would start."""
    path = sound.write(f"/etc/cni/net.d/{name}", "{}")
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert (finished.status == 0) == is_fine, finished.stderr
    assert is_fine or f"saw {path}\n  Next: rm {path}, of a cluster that was there before" in finished.stderr
    sound.write("/etc/kubernetes/kubelet.conf", "")
    assert sound.run_part("machine", MACHINE_VALUES).status == 0, "a node may have another one beside Calico's"


@pytest.mark.parametrize(
    "unit", ["/etc/systemd/system/kubelet.service", "/usr/local/lib/systemd/system/containerd.service"]
)
def test_units_of_an_earlier_installation_are_found_before_anything_is_changed(sound: Machine, unit: str) -> None:
    """Kubespray has its kubelet there, and pages of containerd its service: they run in place of the packages'."""
    path = sound.write(unit, "[Service]\nExecStart=/usr/local/bin/kubelet\n")
    sound.path("/etc/systemd/system/kubelet.service.d").mkdir(parents=True)
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert finished.status == 1
    assert f"expected the unit {path.name} of its package,\n  saw {path}, which takes its place\n" in finished.stderr
    path.unlink()
    path.symlink_to("/dev/null")
    assert sound.run_part("machine", MACHINE_VALUES).status == 1, "masked"
    sound.write("/etc/kubernetes/kubelet.conf", "")
    assert sound.run_part("machine", MACHINE_VALUES).status == 0, "a node runs with it"


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ('KUBELET_EXTRA_ARGS="--node-ip=192.168.56.109"\n', "--node-ip=192.168.56.109"),
        ("KUBELET_EXTRA_ARGS=--v=4 --node-ip 192.168.56.109 --max-pods=9\n", "--node-ip=192.168.56.109"),
        ("KUBELET_EXTRA_ARGS='--hostname-override=template'\n", "--hostname-override=template"),
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
        assert f"expected no arguments in {path} that override those of the stack,\n  saw {seen}\n" in finished.stderr
    sound.write("/etc/kubernetes/kubelet.conf", "")
    assert sound.run_part("machine", MACHINE_VALUES).status == 0, "a node runs with them: drift names them"


@pytest.mark.parametrize(
    ("line", "is_fine"),
    [
        ("192.0.2.11 api.dev.internal", False),
        ("192.0.2.11\tx api.dev.internal # of the old cluster", False),
        ("127.0.0.1 api.dev.internal", True),
        ("#192.0.2.11 api.dev.internal", True),
        ("192.0.2.11 node1 # api.dev.internal", True),
        ("192.0.2.11 old.api.dev.internal", True),
    ],
)
def test_a_line_that_leads_the_api_elsewhere_is_found_before_anything_is_changed(
    machine: Machine, line: str, is_fine: bool
) -> None:
    """Of a worker with a load balancer, past which it would ask one control plane for ever."""
    files = [File("/etc/hosts", "192.0.2.11\tnode1\n127.0.0.1\tapi.dev.internal\n")]
    block = "# begin pulumi-kubeadm\n192.0.2.11\tapi.dev.internal\n# end pulumi-kubeadm\n"
    machine.write("/etc/hosts", f"127.0.0.1 localhost\n{line}\n{block}")
    finished = machine.run_part("endpoint_lines", {"API_HOST": "api.dev.internal"}, files)
    assert (finished.status == 0) == is_fine, finished.stderr
    assert is_fine or f"but that of the stack,\n  saw {line}\n" in finished.stderr
