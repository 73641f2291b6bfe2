"""Parts of `prepare`, each run twice: it changes what differs, and then nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from components._remote import File
from tests.scripts.machine import Finished, Machine

FSTAB = """\
# /etc/fstab: static file system information.
UUID=1 / ext4 errors=remount-ro 0 1
UUID=2 none swap sw 0 0
#UUID=3 none swap sw 0 0
/swap.img\tnone\tswap\tsw\t0\t0
//server/swap /mnt/swap cifs ro 0 0
"""
FSTAB_AFTERWARDS = FSTAB.replace("UUID=2", "#UUID=2").replace("/swap.img", "#/swap.img")

HOSTS = "127.0.0.1\tlocalhost\n127.0.1.1\ttemplate.example.com template\n::1\tlocalhost\n"


def twice(machine: Machine, part: str, values: dict[str, str] | None = None, files: Sequence[File] = ()) -> Finished:
    """The second of two runs, both of which succeed."""
    first = machine.run_part(part, values, files)
    assert first.status == 0, first.stderr
    assert first.stderr
    machine.calls()
    second = machine.run_part(part, values, files)
    assert second.status == 0, second.stderr
    return second


@pytest.fixture
def swapping(machine: Machine) -> Machine:
    """A machine with swap, as the Debian installer leaves it."""
    machine.write("/etc/fstab", FSTAB)
    machine.write("/swaps", "/dev/sda2 partition 1G\n")
    machine.stub("swapon", 'cat "$ROOT/swaps"')
    machine.stub("swapoff", ': >"$ROOT/swaps"')
    machine.stub(
        "systemctl",
        'case "$*" in\n'
        '  "is-enabled swap.target") [[ -e $ROOT/masked ]] && echo masked || { echo static; exit 1; } ;;\n'
        '  "--quiet mask swap.target") touch "$ROOT/masked" ;;\n'
        "esac",
    )
    return machine


def test_swap_goes_off_and_stays_off(swapping: Machine) -> None:
    """Now, in fstab, and for what needs no line in fstab."""
    finished = swapping.run_part("swap")
    assert finished.status == 0, finished.stderr
    assert swapping.path("/etc/fstab").read_text() == FSTAB_AFTERWARDS
    assert swapping.path("/etc/fstab.before-kubernetes").read_text() == FSTAB
    assert {"swapoff --all", "systemctl --quiet mask swap.target"} <= set(swapping.calls())


def test_swap_lines_are_commented_out_once_and_only_once(swapping: Machine) -> None:
    """The second run finds nothing to do, and the file as it was is kept."""
    finished = twice(swapping, "swap")
    assert finished.stderr == ""
    assert swapping.path("/etc/fstab").read_text() == FSTAB_AFTERWARDS
    assert swapping.path("/etc/fstab.before-kubernetes").read_text() == FSTAB
    assert not {"swapoff --all", "systemctl --quiet mask swap.target"} & set(swapping.calls())


def test_a_swap_line_that_comes_later_is_commented_out_too(swapping: Machine) -> None:
    """The first copy of fstab stays what it is."""
    twice(swapping, "swap")
    swapping.write("/etc/fstab", f"{FSTAB_AFTERWARDS}/new none swap sw 0 0\n")
    assert swapping.run_part("swap").status == 0
    assert swapping.path("/etc/fstab").read_text() == f"{FSTAB_AFTERWARDS}#/new none swap sw 0 0\n"
    assert swapping.path("/etc/fstab.before-kubernetes").read_text() == FSTAB


def test_a_machine_without_fstab_is_fine(swapping: Machine) -> None:
    """Containers and some images have none."""
    swapping.path("/etc/fstab").unlink()
    assert swapping.run_part("swap").status == 0
    assert not swapping.path("/etc/fstab").exists()


def test_swap_that_does_not_go_off_is_an_error(swapping: Machine) -> None:
    """The script looks again."""
    swapping.stub("swapoff")
    finished = swapping.run_part("swap")
    assert finished.status == 1
    assert "node1: part: expected no swap,\n  saw /dev/sda2 partition 1G" in finished.stderr


def hosts_file(content: str) -> list[File]:
    """The stack's part of /etc/hosts."""
    return [File("/etc/hosts", content)]


@pytest.fixture
def named(machine: Machine) -> Machine:
    """A machine that still has the name of its template."""
    machine.write("/etc/hosts", HOSTS)
    machine.write("/name", "template\n")
    machine.stub("hostname", 'cat "$ROOT/name"')
    machine.stub("hostnamectl", 'echo "$2" >"$ROOT/name"')
    return machine


def test_the_hosts_of_the_stack_are_added_to_etc_hosts(named: Machine) -> None:
    """What was there stays, but for the loop-back line of the old name."""
    finished = named.run_part("host_names", files=hosts_file("192.0.2.11\tnode1\n192.0.2.12\tnode2\n"))
    assert finished.status == 0, finished.stderr
    assert named.path("/name").read_text() == "node1\n"
    assert named.path("/etc/hosts").read_text() == (
        "127.0.0.1\tlocalhost\n::1\tlocalhost\n"
        "# begin pulumi-kubeadm\n192.0.2.11\tnode1\n192.0.2.12\tnode2\n# end pulumi-kubeadm\n"
    )


def test_the_block_in_etc_hosts_is_replaced_and_not_repeated(named: Machine) -> None:
    """What someone added below it stays too."""
    assert named.run_part("host_names", files=hosts_file("192.0.2.11\tnode1\n")).status == 0
    path = named.path("/etc/hosts")
    path.write_text(f"{path.read_text()}203.0.113.5\tprinter\n")
    assert named.run_part("host_names", files=hosts_file("192.0.2.13\tnode3\n")).status == 0
    assert path.read_text() == (
        "127.0.0.1\tlocalhost\n::1\tlocalhost\n203.0.113.5\tprinter\n"
        "# begin pulumi-kubeadm\n192.0.2.13\tnode3\n# end pulumi-kubeadm\n"
    )


def test_etc_hosts_is_written_in_place_and_only_when_it_differs(named: Machine) -> None:
    """It may be a mount point; and nothing is said when nothing changes."""
    before = named.path("/etc/hosts").stat().st_ino
    finished = twice(named, "host_names", files=hosts_file("192.0.2.11\tnode1\n"))
    assert finished.stderr == ""
    assert named.path("/etc/hosts").stat().st_ino == before
    assert named.calls() == ["hostname "]


SYSCTLS = "net.ipv4.ip_forward = 1\nvm.swappiness = 0\nnet.ipv4.tcp_rmem = 4096 131072 6291456\n"


@pytest.fixture
def kernel(machine: Machine) -> Machine:
    """A machine whose kernel has one module built in, can load another, and has other sysctls."""
    machine.write("/proc/filesystems", "nodev\tproc\n\text4\n")
    machine.write("/proc/sys/net/ipv4/ip_forward", "0\n")
    machine.write("/proc/sys/vm/swappiness", "60\n")
    machine.write("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n")
    machine.write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n")
    machine.stub("modprobe", 'printf "nodev\\t%s\\n" "$1" >>"$ROOT/proc/filesystems"')
    machine.stub(
        "sysctl",
        '[[ $1 == --quiet ]] && while IFS=" =" read -r name value; do\n'
        '  echo "$value" >"$ROOT/proc/sys/${name//.//}"\ndone <"$3"',
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
    assert kernel.calls()[0] == "modprobe overlay"


def test_modules_and_sysctls_that_hold_are_left_alone(kernel: Machine) -> None:
    """Tabs of the kernel are no difference."""
    finished = twice(kernel, "kernel", {"MODULES": "overlay br_netfilter"}, KERNEL_FILES)
    assert (finished.stderr, kernel.calls()) == ("", [])


def test_a_sysctl_that_does_not_take_is_an_error(kernel: Machine) -> None:
    """A container may not set every one of them."""
    kernel.stub("sysctl", 'echo "vm.swappiness = 60"')
    finished = kernel.run_part("kernel", {"MODULES": ""}, KERNEL_FILES)
    assert finished.status == 1
    assert "expected the sysctls of the stack,\n  saw vm.swappiness = 60\n" in finished.stderr


def test_a_module_that_is_not_there_is_an_error(kernel: Machine) -> None:
    """With what modprobe said."""
    kernel.stub("modprobe", 'echo "modprobe: FATAL: Module $1 not found" >&2; exit 1')
    finished = kernel.run_part("kernel", {"MODULES": "overlay"}, KERNEL_FILES)
    assert finished.status == 1
    expected = "node1: part: expected kernel module overlay,\n  saw modprobe: FATAL: Module overlay not found\n"
    assert expected in finished.stderr
    assert finished.stderr.count("expected") == 1


def test_a_free_machine_becomes_the_stack_s(machine: Machine) -> None:
    """And stays it."""
    for _ in range(2):
        assert machine.run_part("owner", {"CLUSTER_ID": "kubeadm/dev"}).status == 0
        assert machine.path("/var/lib/pulumi-kubeadm/owner").read_text() == "kubeadm/dev"


def test_a_machine_of_another_stack_is_left_alone(machine: Machine) -> None:
    """Two stacks with the same address would wreck each other's cluster."""
    machine.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/production")
    finished = machine.run_part("owner", {"CLUSTER_ID": "kubeadm/dev"})
    assert finished.status == 1
    assert "saw the machine belongs to stack kubeadm/production" in finished.stderr
    assert machine.path("/var/lib/pulumi-kubeadm/owner").read_text() == "kubeadm/production"


@pytest.mark.parametrize("leftover", ["/etc/kubernetes/kubelet.conf", "/etc/kubernetes/manifests/etcd.yaml"])
def test_a_machine_with_another_cluster_is_left_alone(machine: Machine, leftover: str) -> None:
    """Whoever made it may still need it."""
    machine.write(leftover, "x")
    finished = machine.run_part("owner", {"CLUSTER_ID": "kubeadm/dev"})
    assert finished.status == 1
    assert "expected a machine without Kubernetes" in finished.stderr
    assert not machine.path("/var/lib/pulumi-kubeadm/owner").exists()


def test_etcd_data_alone_are_another_cluster_too(machine: Machine) -> None:
    """They are what cannot be made again."""
    machine.path("/var/lib/etcd/member").mkdir(parents=True)
    assert machine.run_part("owner", {"CLUSTER_ID": "kubeadm/dev"}).status == 1


MACHINE_VALUES = {
    "ROLE": "control-plane",
    "MINIMUM_MEMORY_MIB": "1700",
    "MINIMUM_FREE_DISK_MIB": "4096",
    "KUBERNETES_MINOR": "36",
    "ALLOW_CGROUP_V1": "false",
    "NODE_IP": "192.0.2.11",
}


@pytest.fixture
def sound(machine: Machine) -> Machine:
    """A machine on which everything is as it has to be."""
    machine.write("/proc/meminfo", "MemTotal:        2097152 kB\nMemFree: 1 kB\n")
    machine.path("/var").mkdir(exist_ok=True)
    machine.path("/run/systemd/system").mkdir(parents=True)
    machine.path("/sys/fs/cgroup").mkdir(parents=True)
    machine.stub(
        "df", 'case "$*" in\n*avail\\ --block*) printf "Avail\\n 9000\\n" ;;\n*) printf "I F\\n 1 60000\\n" ;;\nesac'
    )
    machine.stub("stat", "echo cgroup2fs")
    machine.stub("apt-get")
    machine.stub("hostname", "echo 192.0.2.11")
    machine.stub("ip", 'echo "2: eth0 inet 192.0.2.11/24 brd 192.0.2.255 scope global eth0"')
    return machine


def test_a_sound_machine_is_only_looked_at(sound: Machine) -> None:
    """Nothing is said and nothing changed."""
    finished = sound.run_part("machine", MACHINE_VALUES)
    assert (finished.status, finished.stderr) == (0, "")
    assert "apt-get" not in " ".join(sound.calls())


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
        "at least 4096 MiB free under /var,".replace("/var", str(sound.path("/var"))),
        "at least 50000 free inodes under /var,".replace("/var", str(sound.path("/var"))),
        "cgroup v2, which Kubernetes 1.36 needs,",
        "the node's address 192.0.2.1 on one of the network cards,",
    ]


@pytest.mark.parametrize(
    "values", [{"ROLE": "worker"}, {"MINIMUM_MEMORY_MIB": "1024"}], ids=["a worker", "another minimum"]
)
def test_memory_counts_on_a_control_plane_by_the_minimum_of_the_stack(sound: Machine, values: dict[str, str]) -> None:
    """The minimum is that of kubeadm for control planes."""
    sound.write("/proc/meminfo", "MemTotal:        1048576 kB\n")
    assert sound.run_part("machine", MACHINE_VALUES | values).status == 0


@pytest.mark.parametrize("values", [{"KUBERNETES_MINOR": "34"}, {"ALLOW_CGROUP_V1": "true"}])
def test_cgroup_v1_is_fine_where_kubernetes_takes_it(sound: Machine, values: dict[str, str]) -> None:
    """Up to 1.34, and later where the stack says so."""
    sound.stub("stat", "echo tmpfs")
    assert sound.run_part("machine", MACHINE_VALUES | values).status == 0


def test_a_prepared_machine_needs_no_free_disk(sound: Machine) -> None:
    """Its packages and images are what took it."""
    sound.stub("df", 'printf "Avail\\n 100\\n"')
    sound.write("/var/lib/pulumi-kubeadm/prepared", "")
    assert sound.run_part("machine", MACHINE_VALUES).status == 0


@pytest.fixture
def with_packages(machine: Machine) -> Machine:
    """A machine whose package repository has Kubernetes 1.36.3 and an older one."""
    machine.stub(
        "dpkg-query",
        '[[ -e $ROOT/installed ]] || exit 1\nprintf "%s %s" "$(cat "$ROOT/status")" "$(cat "$ROOT/installed")"',
    )
    machine.write("/status", "installed")
    machine.stub("apt-cache", 'printf " %s | %s | repository\\n" "$2" 1.36.3-1.1 "$2" 1.36.2-1.1')
    machine.stub("apt-get", 'printf 1.36.3-1.1 >"$ROOT/installed"; printf installed >"$ROOT/status"')
    machine.stub(
        "apt-mark",
        'case $1 in\nhold) echo "$2" >>"$ROOT/held" ;;\nshowhold) [[ ! -e $ROOT/held ]] || cat "$ROOT/held" ;;\nesac',
    )
    machine.stub("systemctl")
    return machine


KUBEADM_FILES = [File("/etc/kubernetes/kubeadm/config.yaml", "kind: x\n", mode="0600")]


def test_kubernetes_is_installed_in_the_stack_s_version_and_held(with_packages: Machine) -> None:
    """The second time there is nothing to do."""
    values = {"KUBERNETES_VERSION": "1.36.3"}
    first = with_packages.run_part("kubernetes", values, KUBEADM_FILES)
    assert first.status == 0, first.stderr
    calls = with_packages.calls()
    assert any(call.endswith("kubeadm=1.36.3-* kubelet=1.36.3-* kubectl=1.36.3-*") for call in calls)
    assert with_packages.path("/held").read_text().split() == ["kubeadm", "kubelet", "kubectl"]
    assert with_packages.run_part("kubernetes", values, KUBEADM_FILES).stderr == ""
    assert not [call for call in with_packages.calls() if call.startswith("apt-get") or " hold " in call]


def test_packages_that_were_removed_are_installed_again(with_packages: Machine) -> None:
    """Where their configuration was kept, dpkg still knows a version of them."""
    with_packages.write("/installed", "1.36.3-1.1")
    with_packages.write("/status", "config-files")
    assert with_packages.run_part("kubernetes", {"KUBERNETES_VERSION": "1.36.3"}, KUBEADM_FILES).status == 0
    assert with_packages.path("/status").read_text() == "installed"


def test_a_long_list_of_versions_is_read_to_its_end(with_packages: Machine) -> None:
    """Whoever stops reading at the first match breaks the pipe, and finds nothing."""
    with_packages.stub(
        "apt-cache",
        'printf " %s | 1.36.3-1.1 | repository\\n" "$2"; for i in {1..20000}; do echo " $2 | 1.35.$i-1.1 | x"; done',
    )
    finished = with_packages.run_part("kubernetes", {"KUBERNETES_VERSION": "1.36.3"}, KUBEADM_FILES)
    assert finished.status == 0, finished.stderr


def test_a_version_that_the_repository_lacks_is_refused_with_those_it_has(with_packages: Machine) -> None:
    """1.36.30 is not 1.36.3."""
    finished = with_packages.run_part("kubernetes", {"KUBERNETES_VERSION": "1.36.30"}, KUBEADM_FILES)
    assert finished.status == 1
    assert "saw 1.36.3-1.1 1.36.2-1.1\n" in finished.stderr
    assert not with_packages.path("/installed").exists()


def test_a_node_of_a_running_cluster_is_not_upgraded(with_packages: Machine) -> None:
    """Preparing a host is not the place for it."""
    with_packages.write("/installed", "1.36.2-1.1")
    with_packages.write("/etc/kubernetes/kubelet.conf", "x")
    finished = with_packages.run_part("kubernetes", {"KUBERNETES_VERSION": "1.36.3"}, KUBEADM_FILES)
    assert finished.status == 1
    assert "saw 1.36.2-1.1 on a node of a running cluster" in finished.stderr
    assert not [call for call in with_packages.calls() if call.startswith("apt-get")]


@pytest.fixture
def with_containerd(machine: Machine) -> Machine:
    """A machine with containerd 1.7 from its distribution."""
    machine.stub("dpkg-query", "echo installed")
    machine.stub("containerd", 'echo "containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6"')
    machine.stub(
        "systemctl", 'case "$*" in *restart*) touch "$ROOT/running" ;; *is-active*) [[ -e $ROOT/running ]] ;; esac'
    )
    return machine


CONTAINERD_VALUES = {"CONTAINERD_PACKAGE": "containerd", "REGISTRY_FILES": ""}
CONTAINERD_FILES = [
    File("/etc/containerd/config.toml.1", "version = 2\n"),
    File("/etc/containerd/config.toml.2", "version = 3\n"),
    File("/etc/crictl.yaml", "timeout: 10\n"),
]


@pytest.mark.parametrize(
    ("version", "config"),
    [
        ("github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6", "version = 2\n"),
        ("containerd.io 1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da", "version = 2\n"),
        ("github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4e490e9fbdc236c0e811ccaba3376", "version = 3\n"),
    ],
)
def test_containerd_is_configured_in_the_format_of_its_version(
    with_containerd: Machine, version: str, config: str
) -> None:
    """Debian's and Docker's packages spell their version differently."""
    with_containerd.stub("containerd", f"echo 'containerd {version}'")
    finished = with_containerd.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES)
    assert finished.status == 0, finished.stderr
    assert with_containerd.path("/etc/containerd/config.toml").read_text() == config


def test_containerd_restarts_for_a_changed_configuration_and_for_nothing_else(with_containerd: Machine) -> None:
    """A restart is not for free on a node that works."""
    second = twice(with_containerd, "containerd", CONTAINERD_VALUES, CONTAINERD_FILES)
    assert second.stderr == ""
    assert "systemctl restart containerd" not in with_containerd.calls()
    changed = [File("/etc/containerd/config.toml.1", "version = 2 #\n"), *CONTAINERD_FILES[1:]]
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, changed).status == 0
    assert "systemctl restart containerd" in with_containerd.calls()


def test_an_unknown_containerd_is_refused(with_containerd: Machine) -> None:
    """Rather than left with a configuration that it does not read."""
    with_containerd.stub("containerd", "echo 'containerd github.com/containerd/containerd/v3 v3.0.0 x'")
    finished = with_containerd.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES)
    assert finished.status == 1
    assert "expected containerd 1 or 2" in finished.stderr


KEY = "DE15B14486CD377B9E876E1A234654DA9A296436"
SOURCE = "/etc/apt/sources.list.d/kubernetes.list"
KEYRING = "/etc/apt/keyrings/kubernetes.asc"


def repository(machine: Machine, fingerprint: str = KEY, url: str = "-") -> tuple[dict[str, str], list[File]]:
    """Values and files of one repository."""
    values = {"KEYRINGS": f"{machine.path(KEYRING)} {fingerprint} {url}", "APT_SOURCES": str(machine.path(SOURCE))}
    return values, [File(SOURCE, "deb x /\n"), File(KEYRING, "key\n")]


@pytest.fixture
def with_gpg(machine: Machine) -> Machine:
    """A machine whose gpg sees the key of Kubernetes."""
    machine.stub("gpg", f"printf 'pub:::\\nfpr:::::::::{KEY}:\\n'")
    machine.stub("apt-get")
    return machine


def test_package_lists_are_read_when_a_repository_changed_and_not_otherwise(with_gpg: Machine) -> None:
    """A run that changes nothing needs no network."""
    values, files = repository(with_gpg)
    assert with_gpg.run_part("repositories", values, files).status == 0
    assert [call for call in with_gpg.calls() if call.endswith("update --error-on=any")]
    second = with_gpg.run_part("repositories", values, files)
    assert (second.status, second.stderr) == (0, "")
    assert not [call for call in with_gpg.calls() if call.startswith("apt-get")]


def test_package_lists_are_read_again_after_a_failure(with_gpg: Machine) -> None:
    """The sources are in place by then, and would hide it."""
    values, files = repository(with_gpg)
    with_gpg.stub("apt-get", "exit 100")
    assert with_gpg.run_part("repositories", values, files).status == 1
    with_gpg.stub("apt-get")
    with_gpg.calls()
    assert with_gpg.run_part("repositories", values, files).status == 0
    assert [call for call in with_gpg.calls() if call.endswith("update --error-on=any")]


def test_a_key_with_another_fingerprint_is_never_put_in_place(with_gpg: Machine) -> None:
    """Nor is the repository that it signs."""
    values, files = repository(with_gpg, fingerprint="A" * 40)
    finished = with_gpg.run_part("repositories", values, files)
    assert finished.status == 1
    assert f"expected a key with fingerprint {'A' * 40},\n  saw {KEY}" in finished.stderr
    assert not with_gpg.path(KEYRING).exists()
    assert not with_gpg.path(SOURCE).exists()


def test_a_key_that_cannot_be_fetched_is_an_error_with_its_url(with_gpg: Machine) -> None:
    """And with what curl said."""
    with_gpg.stub("curl", "echo 'curl: (6) Could not resolve host' >&2; exit 6")
    values, files = repository(with_gpg, url="https://example.com/key")
    finished = with_gpg.run_part("repositories", values, files[:1])
    assert finished.status == 1
    assert "saw curl: (6) Could not resolve host" in finished.stderr
    assert "curl -v https://example.com/key" in finished.stderr


def test_systemd_is_told_of_its_new_setting_once(machine: Machine) -> None:
    """A re-execution is harmless, but nothing to do each time."""
    machine.stub("systemctl")
    files = [File("/etc/systemd/system.conf.d/kubernetes.conf", "[Manager]\n")]
    assert machine.run_part("systemd", files=files).status == 0
    assert machine.calls() == ["systemctl daemon-reexec"]
    assert machine.run_part("systemd", files=files).status == 0
    assert machine.calls() == []
