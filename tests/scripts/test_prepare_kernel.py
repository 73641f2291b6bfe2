"""The part of `prepare` that sets the kernel up: modules and sysctls, now and after a reboot."""

from __future__ import annotations

import pytest

from components.host_files import File
from tests.scripts.machine import Machine

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


@pytest.mark.parametrize("is_built_in", [True, False])
def test_a_module_without_parameters_that_is_built_in_is_not_loaded(kernel: Machine, *, is_built_in: bool) -> None:
    """The kernel of a machine without modules lists its functions, and has no directory of it below /sys/module."""
    kernel.stub("modprobe", "[[ $1 == --* ]] || exit 1")
    symbols = "ffff t nf_tables_newtable\n" if is_built_in else "ffff t nft_tables\nffff t my_nf_tables_newtable\n"
    kernel.write("/proc/kallsyms", f"ffff T _stext\n{symbols}")
    finished = kernel.run_part("kernel", {"MODULES": "nf_tables"}, KERNEL_FILES)
    assert (finished.status == 0) == is_built_in, finished.stderr
    assert ("expected kernel module nf_tables" in finished.stderr) != is_built_in


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
        (LATER, "net.ipv4.conf.all.forwarding = 0\n", True),
        (LATER, "net/ipv4/conf/all/forwarding = 1\n", False),
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
