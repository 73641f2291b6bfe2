"""Swap goes off, stays off, and comes back with a reset."""

from __future__ import annotations

import pytest

from tests.scripts.machine import Machine
from tests.scripts.preparation import HOSTS, RESET

FSTAB = """\
# /etc/fstab: static file system information.
UUID=1 / ext4 errors=remount-ro 0 1
UUID=2 none swap sw 0 0
#UUID=3 none swap sw 0 0
/swap.img\tnone\tswap\tsw\t0\t0
//server/swap /mnt/swap cifs ro 0 0
"""
MARK = "#pulumi-kubeadm#"
FSTAB_AFTERWARDS = FSTAB.replace("UUID=2", f"{MARK}UUID=2").replace("/swap.img", f"{MARK}/swap.img")


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


def test_a_systemd_that_does_not_answer_is_not_one_without_units_of_swap(swapping: Machine) -> None:
    """The next boot would turn swap on, and no later run would look."""
    swapping.stub("systemctl", '[[ $1 != list-unit-files ]] || { echo "Failed to connect to bus" >&2; exit 1; }')
    finished = swapping.run_part("swap")
    assert finished.status == 1
    assert "Failed to connect to bus" in finished.stderr


def test_a_unit_that_turns_swap_on_at_boot_is_turned_off_until_a_reset(swapping: Machine) -> None:
    """zram-tools and small boards have services and tutorials units that come whether swap.target is there or not."""
    swapping.write("/units", "zramswap.service enabled enabled\nswapfile.swap enabled enabled\n")
    swapping.stub(
        "systemctl",
        'case "$*" in\n*list-unit-files*) [[ -s $ROOT/units ]] && cat "$ROOT/units" ;;\n'
        '*disable*) : >"$ROOT/units" ;;\n"is-enabled swap.target") echo masked; exit 1 ;;\nesac',
    )
    finished = swapping.run_part_twice("swap")
    assert finished.stderr == ""
    assert not [call for call in swapping.calls() if "disable" in call]
    swapping.write("/units", "later.swap enabled enabled\n")
    assert "no unit turns swap on: later.swap" in swapping.run_part("swap").stderr
    swapping.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    swapping.write("/etc/hosts", HOSTS)
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark"):
        swapping.stub(program)
    swapping.calls()
    assert swapping.run("reset", RESET).status == 0
    enabled = [call.split()[-1] for call in swapping.calls() if call.startswith("systemctl --quiet enable ")]
    assert enabled == ["later.swap", "swapfile.swap", "zramswap.service"]


def test_swap_lines_are_commented_out_once_and_only_once(swapping: Machine) -> None:
    """The second run finds nothing to do, and the file as it was is kept."""
    finished = swapping.run_part_twice("swap")
    assert finished.stderr == ""
    assert swapping.path("/etc/fstab").read_text() == FSTAB_AFTERWARDS
    assert swapping.path("/etc/fstab.before-kubernetes").read_text() == FSTAB
    assert not {"swapoff --all", "systemctl --quiet mask swap.target"} & set(swapping.calls())


def test_a_swap_line_that_comes_later_is_commented_out_too(swapping: Machine) -> None:
    """The first copy of fstab stays what it is."""
    swapping.run_part_twice("swap")
    swapping.write("/etc/fstab", f"{FSTAB_AFTERWARDS}/new none swap sw 0 0\n")
    assert swapping.run_part("swap").status == 0
    assert swapping.path("/etc/fstab").read_text() == f"{FSTAB_AFTERWARDS}{MARK}/new none swap sw 0 0\n"
    assert swapping.path("/etc/fstab.before-kubernetes").read_text() == FSTAB


def test_a_reset_brings_back_the_lines_of_swap_and_touches_no_other(swapping: Machine) -> None:
    """A disk that was added meanwhile stays."""
    assert swapping.run_part("swap").status == 0
    swapping.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    swapping.write("/etc/fstab", f"{FSTAB_AFTERWARDS}/dev/sdb1 /data ext4 defaults 0 2\n")
    swapping.write("/etc/hosts", HOSTS)
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark"):
        swapping.stub(program)
    finished = swapping.run("reset", RESET)
    assert finished.status == 0, finished.stderr
    assert swapping.path("/etc/fstab").read_text() == f"{FSTAB}/dev/sdb1 /data ext4 defaults 0 2\n"


def test_fstab_is_whole_or_as_before_also_after_a_power_cut(swapping: Machine) -> None:
    """An empty one leaves a machine without its disks; each file is on the disk before it has its name."""
    swapping.stub("sync", '[[ $1 != *.new ]] || [[ -s $1 ]] || exit 1; printf "%s " "${1##*/}" >>"$ROOT/synced"')
    assert swapping.run_part("swap").status == 0
    assert swapping.path("/synced").read_text() == "fstab.before-kubernetes.new fstab.new etc "


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
