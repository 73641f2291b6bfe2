"""What a machine lacks by which its node would be of no use, named before the machine is changed."""

from __future__ import annotations

import os

import pytest

from tests.scripts.machine import Machine
from tests.scripts.preparation import MACHINE_VALUES

KERNEL = os.uname().release


def found(machine: Machine) -> str:
    """What is said of the machine; nothing where it is sound."""
    finished = machine.run_part("machine", MACHINE_VALUES)
    assert (finished.status == 0) == (finished.stderr == "")
    return finished.stderr.replace(str(machine.root), "")


@pytest.mark.parametrize(
    ("configuration", "has_module", "seen"),
    [
        ("", True, None),
        ("", False, f"saw a kernel without it, {KERNEL}\n"),
        ("blacklist vxlan", True, "saw blacklist vxlan\n"),
        ("install vxlan /bin/false", True, "saw install vxlan /bin/false\n"),
        ("blacklist vxlanx", True, None),
    ],
)
def test_a_kernel_without_vxlan_is_named_before_anything_is_changed(
    sound: Machine, configuration: str, has_module: bool, seen: str | None
) -> None:
    """Images of clouds have such kernels; calico-node would say that an operation is not supported."""
    sound.stub(
        "modprobe",
        f'case "$*" in --showconfig) echo "{configuration}" ;; *--dry-run*) exit {0 if has_module else 1} ;; esac',
    )
    assert found(sound) == "", "a container has no modules: the kernel of its host loads them"
    sound.path(f"/lib/modules/{KERNEL}").mkdir(parents=True)
    assert (
        f"expected the kernel module vxlan, by which pods reach those of other nodes,\n  {seen}" in found(sound)
    ) == (seen is not None)
    sound.path("/sys/module/vxlan").mkdir(parents=True)
    assert found(sound) == ""


def test_a_container_without_the_log_of_the_kernel_is_named_before_anything_is_changed(sound: Machine) -> None:
    """kubeadm would wait for four minutes for a kubelet that ends, again and again."""
    sound.path("/dev/kmsg").unlink()
    assert "expected the log of the kernel at /dev/kmsg, which each kubelet reads,\n  saw no such file" in found(sound)


@pytest.mark.parametrize(
    ("mounts", "is_fine"),
    [
        ("/dev/sda1 {opt} ext4 rw,nosuid,noexec 0 0", False),
        ("/dev/sda1 {opt} ext4 rw,nosuid 0 0", True),
        ("/dev/sda1 {opt}/cni ext4 rw,noexec 0 0\n/dev/sda2 {opt}/cni/bin ext4 rw 0 0", True),
        ("/dev/sda1 {opt}ional ext4 rw,noexec 0 0", True),
        ("/dev/sda1 / ext4 rw 0 0\ntmpfs /tmp tmpfs rw,noexec 0 0\n/dev/sda2 {opt} ext4 rw 0 0", True),
    ],
)
def test_a_directory_for_the_programs_of_calico_that_runs_none_is_named(
    sound: Machine, mounts: str, is_fine: bool
) -> None:
    """Hardening guides mount /opt so: Calico reports no error, and the node stays NotReady."""
    sound.path("/proc/mounts").unlink()
    sound.write("/proc/mounts", mounts.format(opt=sound.path("/opt")) + "\n")
    seen = found(sound)
    assert (seen == "") == is_fine
    assert is_fine or "expected a file system for /opt/cni/bin whose programs run,\n  saw the option noexec\n" in seen


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ({"containerd": "1000000 149000", "kubelet": "1000000 150000"}, 15),
        ({"containerd": "1000000 150000", "kubelet": "1000000 90000"}, 10),
        ({"containerd": "1000000 150000", "kubelet": "1000000 100000"}, None),
    ],
)
def test_a_large_disk_that_is_nearly_full_is_named_before_the_kubelet_ends_pods(
    sound: Machine, sizes: dict[str, str], wanted: int | None
) -> None:
    """Gigabytes are free, and the node has the taint of disk pressure from its first minute on."""
    works = (sound.root / "stubs" / "df").read_text()
    shares = "".join(f'*size*{name}) printf "Size Avail\\n {size}\\n" ;;\n' for name, size in sizes.items())
    sound.path("/stubs/df").write_text(works.replace("in\n", f"in\n{shares}", 1))
    for name in sizes:
        sound.path(f"/var/lib/{name}").mkdir(parents=True)
    finished = sound.run_part("machine", MACHINE_VALUES | {"EVICTS_BY_SHARE": "true"})
    assert (finished.status == 0) == (wanted is None), finished.stderr
    if wanted:
        assert f"expected at least {wanted} % free for {sound.path('/var/lib')}/" in finished.stderr
        assert "evictionHard of cluster.kubeletConfiguration" in finished.stderr
    assert found(sound) == "", "thresholds of the stack's own, or a step of an older version"
    sound.write("/var/lib/pulumi-kubeadm/prepared", "yes")
    assert sound.run_part("machine", MACHINE_VALUES | {"EVICTS_BY_SHARE": "true"}).status == 0


@pytest.mark.parametrize(
    ("content", "domains"),
    [
        ("search home.example.com office.example.com.\n", ["home.example.com"]),
        ("search office.example.com\n", []),
        ("search home.example.com\nsearch .\n", []),
        ("#search home.example.com\n", []),
    ],
)
def test_a_search_domain_that_answers_for_every_name_is_named_before_anything_is_changed(
    sound: Machine, content: str, domains: list[str]
) -> None:
    """Pods would take its address for each server of the Internet, and say nothing of it."""
    sound.stub("getent", '[[ $1 == ahosts && $2 == *.home.example.com. ]] || exit 2; echo "192.0.2.80 STREAM"')
    sound.write("/etc/resolv.conf", f"{content}nameserver 192.0.2.53\n")
    seen = found(sound)
    assert seen.count("below the search domain") == len(domains)
    for domain in domains:
        assert f"below the search domain {domain} in /etc/resolv.conf,\n  saw 192.0.2.80: its name server" in seen
    sound.write("/var/lib/pulumi-kubeadm/prepared", "yes")
    assert found(sound) == "", "a node lives with it"


def test_a_name_server_that_does_not_answer_for_a_search_domain_is_no_finding(sound: Machine) -> None:
    """In a closed network it may know nothing at all."""
    sound.replace("lib/unfit", "timeout 10", "timeout 0.1")
    sound.stub("getent", "exec sleep 5")
    assert found(sound) == ""
