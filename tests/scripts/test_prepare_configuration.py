"""Parts of `prepare` that set up swap, names and systemd: they change what differs, and then nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.host_files import File
from tests.scripts.cluster import calls_in_order, position
from tests.scripts.machine import Machine

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

HOSTS = "127.0.0.1\tlocalhost\n127.0.1.1\ttemplate.example.com template\n::1\tlocalhost\n"


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


RESET = {"CLUSTER_ID": "kubeadm/dev", "CLUSTER_NAME": "dev", "NODE_LEAVES_FIRST": "true", "ROLE": "worker"}


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


def test_a_node_that_is_still_registered_is_not_reset(swapping: Machine) -> None:
    """Its machine was off when its node was deleted, and registered it again when it was started."""
    swapping.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    swapping.write("/etc/kubernetes/kubelet.conf", "")
    swapping.stub("kubectl", "echo node/node1")
    finished = swapping.run("reset", RESET)
    assert finished.status == 1
    assert "kubectl delete node node1; then pulumi up" in finished.stderr
    assert swapping.path("/etc/kubernetes/kubelet.conf").exists()


def test_a_kubelet_that_starts_registers_no_node_behind_the_look(swapping: Machine) -> None:
    """As after a boot: the machine would be reset, and its node stay. A node that is not reset keeps its kubelet."""
    swapping.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    swapping.write("/etc/kubernetes/kubelet.conf", "")
    swapping.write("/etc/hosts", HOSTS)
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark"):
        swapping.stub(program)
    swapping.stub("kubectl", "echo node/node1")
    assert swapping.run("reset", RESET).status == 1
    assert calls_in_order(swapping, "systemctl stop kubelet", "kubectl --kubeconfig ", "systemctl start kubelet")
    swapping.stub("kubectl")
    assert swapping.run("reset", RESET).status == 0
    calls = swapping.calls()
    assert calls.index("systemctl stop kubelet") < position(calls, "get node node1")
    assert "systemctl start kubelet" not in calls


def test_packages_are_held_no_longer_although_another_package_manager_runs(swapping: Machine) -> None:
    """The reset took them for packages that are not there, and they stayed held."""
    swapping.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    swapping.write("/etc/hosts", HOSTS)
    for program in ("ip", "iptables-save", "ip6tables-save"):
        swapping.stub(program)
    swapping.write("/held", "kubelet\nlinux-image\n")
    swapping.stub(
        "apt-mark",
        '[[ $1 != showhold ]] || cat "$ROOT/held"\n[[ $1 == unhold ]] || exit 0\n'
        '[[ -e $ROOT/tried-$2 ]] || { touch "$ROOT/tried-$2"; echo "dpkg frontend lock was locked" >&2; exit 100; }\n'
        'sed --in-place "/^$2\\$/d" "$ROOT/held"',
    )
    finished = swapping.run("reset", RESET)
    assert finished.status == 0, finished.stderr
    assert swapping.path("/held").read_text() == "linux-image\n"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("The connection to the server 192.0.2.11:6443 was refused - did you specify the right host or port?", 1),
        ("error: You must be logged in to the server (Unauthorized)", 0),
        ("Unable to connect to the server: x509: certificate signed by unknown authority", 0),
        (
            "Unable to connect to the server: x509: certificate has expired or is not yet valid",
            1,
        ),
        ("", 0),
    ],
)
def test_a_node_of_which_the_api_says_nothing_is_not_reset(swapping: Machine, answer: str, status: int) -> None:
    """A refused connection does not say that the node is gone; an API that knows no such node or client does."""
    swapping.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    swapping.write("/etc/kubernetes/kubelet.conf", "")
    swapping.write("/etc/hosts", HOSTS)
    swapping.stub("kubectl", f'echo "{answer}" >&2; exit 1' if answer else "")
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark"):
        swapping.stub(program)
    swapping.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    finished = swapping.run("reset", RESET)
    assert finished.status == status, finished.stderr
    assert swapping.path("/etc/kubernetes/kubelet.conf").exists() == (status == 1)
    assert ("expected the API server to say whether it has node node1" in finished.stderr) == (status == 1)


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


NO_NAME = {"API_HOST": ""}
"""Name servers lead to the API."""


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


def test_a_preparation_that_an_older_version_recorded_names_no_endpoint(named: Machine) -> None:
    """`make repair` runs it with the scripts of today."""
    finished = named.run_part("host_names", files=hosts_file("192.0.2.11\tnode1\n"))
    assert finished.status == 0, finished.stderr


def test_the_hosts_of_the_stack_are_added_to_etc_hosts(named: Machine) -> None:
    """What was there stays, but for the loop-back line of the old name."""
    finished = named.run_part("host_names", NO_NAME, files=hosts_file("192.0.2.11\tnode1\n192.0.2.12\tnode2\n"))
    assert finished.status == 0, finished.stderr
    assert named.path("/name").read_text() == "node1\n"
    assert named.path("/etc/hosts").read_text() == (
        "127.0.0.1\tlocalhost\n::1\tlocalhost\n"
        "# begin pulumi-kubeadm\n192.0.2.11\tnode1\n192.0.2.12\tnode2\n# end pulumi-kubeadm\n"
    )


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("127.0.2.1 node1 node1", ""),
        ("127.0.0.1\tlocalhost node2 node1.example.com # x", "127.0.0.1 localhost node1.example.com # x\n"),
        ("::1\tnode1\tlocalhost", "::1 localhost\n"),
        ("192.0.2.11  node1  www", "192.0.2.11  node1  www\n"),
        ("#127.0.2.1 node1", "#127.0.2.1 node1\n"),
        ("127.0.0.1\tlocalhost\tnode11", "127.0.0.1\tlocalhost\tnode11\n"),
    ],
)
def test_no_name_of_a_host_resolves_to_the_machine_itself(named: Machine, line: str, left: str) -> None:
    """Vagrant and some images have such a line; other names of it stay."""
    named.write("/etc/hosts", f"{line}\n")
    block = "192.0.2.11\tnode1\n192.0.2.12\tnode2\n"
    assert named.run_part_twice("host_names", NO_NAME, files=hosts_file(block)).stderr == ""
    assert named.path("/etc/hosts").read_text() == f"{left}# begin pulumi-kubeadm\n{block}# end pulumi-kubeadm\n"


def test_a_machine_without_d_bus_gets_its_name(named: Machine) -> None:
    """Now, and for the next boot; hostnamectl cannot ask there."""
    named.stub("hostnamectl", 'echo "Failed to connect to bus: No such file or directory" >&2; exit 1')
    named.stub("hostname", '[[ $# == 0 ]] || echo "$1" >"$ROOT/name"; cat "$ROOT/name"')
    finished = named.run_part_twice("host_names", NO_NAME, hosts_file("192.0.2.11\tnode1\n"))
    assert finished.stderr == ""
    assert named.path("/etc/hostname").read_text() == "node1\n"
    assert named.path("/name").read_text() == "node1\n"


def test_the_block_in_etc_hosts_is_replaced_and_not_repeated(named: Machine) -> None:
    """What someone added below it stays too."""
    assert named.run_part("host_names", NO_NAME, files=hosts_file("192.0.2.11\tnode1\n")).status == 0
    path = named.path("/etc/hosts")
    path.write_text(f"{path.read_text()}203.0.113.5\tprinter\n")
    assert named.run_part("host_names", NO_NAME, files=hosts_file("192.0.2.13\tnode3\n")).status == 0
    assert path.read_text() == (
        "127.0.0.1\tlocalhost\n::1\tlocalhost\n203.0.113.5\tprinter\n"
        "# begin pulumi-kubeadm\n192.0.2.13\tnode3\n# end pulumi-kubeadm\n"
    )


def test_etc_hosts_that_is_a_mount_point_is_written_in_place_and_only_when_it_differs(named: Machine) -> None:
    """No file can be renamed to a mount point; and nothing is printed when nothing changes."""
    before = named.path("/etc/hosts").stat().st_ino
    named.stub("mv", '[[ $2 != */etc/hosts ]] || exit 1\nexec /bin/mv "$@"')
    finished = named.run_part_twice("host_names", NO_NAME, files=hosts_file("192.0.2.11\tnode1\n"))
    assert finished.stderr == ""
    assert named.path("/etc/hosts").stat().st_ino == before
    assert named.calls() == ["hostname "]


@pytest.mark.parametrize("is_mount_point", [False, True])
def test_etc_hosts_that_was_cut_short_is_whole_after_the_next_run(named: Machine, *, is_mount_point: bool) -> None:
    """Lines of others would be gone for ever."""
    if is_mount_point:
        named.stub("mv", '[[ $2 != */etc/hosts ]] || exit 1\nexec /bin/mv "$@"')
    # Ended when the file is empty or whole, and nothing else was done.
    named.stub("sync", '[[ $1 != */etc/hosts* ]] || { [[ $1 == *.new ]] || : >"$1"; kill -9 $PPID; }')
    files = hosts_file("192.0.2.11\tnode1\n")
    assert named.run_part("host_names", NO_NAME, files=files).status == 137
    named.stub("sync")
    assert named.run_part("host_names", NO_NAME, files=files).status == 0
    assert named.path("/etc/hosts").read_text().startswith("127.0.0.1\tlocalhost\n::1\tlocalhost\n# begin")
    assert not list(named.path("/etc").glob("hosts.*"))


@pytest.mark.parametrize("fails", ["sed", "hostname"])
def test_etc_hosts_stays_as_it_is_where_it_cannot_be_read(named: Machine, fails: str) -> None:
    """The owner's lines would be gone."""
    named.stub(fails, "exit 4")
    finished = named.run_part("host_names", NO_NAME, files=hosts_file("192.0.2.11\tnode1\n"))
    assert finished.status == 4
    assert named.path("/etc/hosts").read_text() == HOSTS
    assert named.path("/name").read_text() == "template\n" or fails == "sed"


def test_systemd_is_executed_again_also_when_the_run_before_ended_too_early(machine: Machine) -> None:
    """The file is in place by then, and would hide it."""
    files = [File("/etc/systemd/system.conf.d/kubernetes.conf", "[Manager]\n")]
    machine.stub("systemctl", "exit 1")
    assert machine.run_part("systemd", files=files).status == 1
    machine.stub("systemctl")
    machine.calls()
    assert machine.run_part("systemd", files=files).status == 0
    assert machine.calls() == ["systemctl daemon-reexec"]


def test_systemd_is_executed_again_once_for_its_new_setting(machine: Machine) -> None:
    """A re-execution is harmless, but nothing to do each time."""
    machine.stub("systemctl")
    files = [File("/etc/systemd/system.conf.d/kubernetes.conf", "[Manager]\n")]
    assert machine.run_part("systemd", files=files).status == 0
    assert machine.calls() == ["systemctl daemon-reexec"]
    assert machine.run_part("systemd", files=files).status == 0
    assert machine.calls() == []


def test_a_reset_that_was_cut_short_at_its_end_goes_on(swapping: Machine) -> None:
    """As long as a mark is there, the one of the owner is. Lists of files may be gone, and their directory not."""
    state = swapping.path("/var/lib/pulumi-kubeadm")
    for name in ("owner", "a", "initialized"):
        swapping.write(f"/var/lib/pulumi-kubeadm/{name}", "kubeadm/dev")
    (state / "files").mkdir()
    swapping.write("/etc/hosts", HOSTS)
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark"):
        swapping.stub(program)
    swapping.stub("rm", f'[[ $* != "-rf {state}" ]] || {{ ls {state} >"$ROOT/left"; exit 1; }}\nexec /bin/rm "$@"')
    assert swapping.run("reset", RESET).status == 1
    assert swapping.path("/left").read_text() == "owner\n"
    assert swapping.path("/etc/hosts").read_text() == HOSTS
    swapping.stub("rm", 'exec /bin/rm "$@"')
    finished = swapping.run("reset", RESET)
    assert (finished.status, finished.stderr) == (0, "node1: the machine is reset\n")
    left = {path.name for path in (swapping.root / "var").glob("*/*")}
    assert left == set(), "marks and logs go with the cluster"


CLOUD_TEMPLATE = "## template:jinja\n127.0.1.1 {{fqdn}} {{hostname}}\n127.0.0.1 localhost\n"
CLOUD_HOSTS = "/etc/cloud/templates/hosts.debian.tmpl"
CLOUD_NAME = "/etc/cloud/cloud.cfg.d/99-pulumi-kubeadm.cfg"


def test_the_names_of_a_host_survive_the_next_boot_of_a_cloud_s_machine(named: Machine) -> None:
    """cloud-init writes /etc/hosts from its template, and the name that the cloud has; a reset gives it back."""
    template = named.write(CLOUD_HOSTS, CLOUD_TEMPLATE)
    named.path(CLOUD_NAME).parent.mkdir(parents=True)
    finished = named.run_part_twice("host_names", NO_NAME, files=hosts_file("192.0.2.11\tnode1\n"))
    assert finished.stderr == ""
    assert template.read_text() == (
        "## template:jinja\n#pulumi-kubeadm#127.0.1.1 {{fqdn}} {{hostname}}\n127.0.0.1 localhost\n"
        "# begin pulumi-kubeadm\n192.0.2.11\tnode1\n# end pulumi-kubeadm\n"
    )
    assert named.path(CLOUD_NAME).read_text() == "preserve_hostname: true\n"
    named.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark", "systemctl"):
        named.stub(program)
    assert named.run("reset", RESET).status == 0
    assert template.read_text() == CLOUD_TEMPLATE
    assert not named.path(CLOUD_NAME).exists()


NETWORK_MANAGER = "/etc/NetworkManager/conf.d/99-pulumi-kubeadm.conf"
NETWORKD = "/etc/systemd/network/00-pulumi-kubeadm.network"
NO_KEYRINGS = {"KEYRINGS": ""}
WITHOUT_NETWORKD = '[[ "$*" != *is-enabled* ]]'


@pytest.fixture
def managed(machine: Machine) -> Machine:
    """A machine with NetworkManager, and the two parts of prepare that deal with it."""
    machine.write("/etc/NetworkManager/NetworkManager.conf", "[main]\n")
    parts = "\n".join(f'. "$LIBRARY/parts/prepare/{part}.sh"' for part in ("leftovers", "network_manager"))
    machine.script("both", f'. "$LIBRARY/lib/lib.sh"\n{parts}\n')
    machine.stub("systemctl", WITHOUT_NETWORKD)
    return machine


def service_commands(machine: Machine) -> list[str]:
    """Calls that reload or restart services, without queries, since the last call of this function."""
    return [call for call in machine.calls() if "is-enabled" not in call]


def test_network_manager_leaves_the_links_of_the_pod_network_alone(managed: Machine) -> None:
    """Beside what the machine's own files name; NetworkManager is reloaded once, and a reset takes the file away."""
    assert managed.run("both", NO_KEYRINGS).status == 0
    content = managed.path(NETWORK_MANAGER).read_text()
    assert content.startswith("[device-pulumi-kubeadm]\nmatch-device=interface-name:cali*;interface-name:vxlan.calico;")
    assert service_commands(managed) == ["systemctl try-reload-or-restart NetworkManager"]
    second = managed.run("both", NO_KEYRINGS)
    assert (second.status, second.stderr, service_commands(managed)) == (0, "", [])
    assert NETWORK_MANAGER in managed.path("/var/lib/pulumi-kubeadm/files/both").read_text()


def test_network_manager_is_reloaded_also_when_the_run_before_ended_too_early(managed: Machine) -> None:
    """The file is in place by then, and would hide it."""
    managed.stub("systemctl", "exit 1")
    assert managed.run("both", NO_KEYRINGS).status == 1
    managed.stub("systemctl", WITHOUT_NETWORKD)
    managed.calls()
    assert managed.run("both", NO_KEYRINGS).status == 0
    assert service_commands(managed) == ["systemctl try-reload-or-restart NetworkManager"]


def test_a_machine_without_network_manager_gets_no_file_of_it(managed: Machine) -> None:
    """Nor one from which it was removed."""
    assert managed.run("both", NO_KEYRINGS).status == 0
    shutil.rmtree(managed.path("/etc/NetworkManager/conf.d"))
    managed.path("/etc/NetworkManager/NetworkManager.conf").unlink()
    managed.path("/etc/NetworkManager").rmdir()
    managed.calls()
    assert managed.run("both", NO_KEYRINGS).status == 0
    assert not managed.path("/etc/NetworkManager").exists()
    assert service_commands(managed) == []


@pytest.mark.parametrize("runs", [True, False])
def test_networkd_leaves_the_links_of_the_pod_network_alone(machine: Machine, *, runs: bool) -> None:
    """A file of the machine for all links would give each link of a pod an address of DHCP."""
    parts = "\n".join(f'. "$LIBRARY/parts/prepare/{part}.sh"' for part in ("leftovers", "network_manager"))
    machine.script("both", f'. "$LIBRARY/lib/lib.sh"\n{parts}\n')
    machine.stub("systemctl", "" if runs else '[[ "$*" != *is-active* ]]')
    machine.stub("networkctl")
    for expected in (["networkctl reload"] if runs else [], []):
        assert machine.run("both", NO_KEYRINGS).status == 0
        assert [call for call in machine.calls() if call.startswith("networkctl")] == expected
    assert "Name=cali* vxlan.calico " in machine.path(NETWORKD).read_text()
    machine.stub("systemctl", WITHOUT_NETWORKD)
    assert machine.run("both", NO_KEYRINGS).status == 0
    assert not machine.path(NETWORKD).exists(), "the machine has it no more"


@pytest.mark.parametrize(
    ("message", "stays"),
    [
        ("Failed to connect to bus: Connection timed out", True),
        ("Failed to get unit file state: No such file or directory", False),
    ],
)
def test_a_systemd_that_does_not_answer_is_no_machine_without_networkd(
    managed: Machine, message: str, *, stays: bool
) -> None:
    """networkd would manage the links of pods. An old systemd has an error for a unit that it lacks."""
    managed.write(NETWORKD, "")
    managed.write("/var/lib/pulumi-kubeadm/files/both", f"{managed.path(NETWORKD)}\n")
    managed.stub("systemctl", f'[[ "$*" != *is-enabled* ]] || {{ echo "{message}" >&2; exit 1; }}')
    finished = managed.run("both", NO_KEYRINGS)
    assert (finished.status == 1, managed.path(NETWORKD).exists()) == (stays, stays)
    if stays:
        assert f"expected systemd to say whether it has systemd-networkd,\n  saw {message}\n" in finished.stderr


def reset_with(machine: Machine, save: str) -> str:
    """Standard error of a reset, with a stand-in of iptables-save."""
    machine.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    machine.write("/etc/hosts", HOSTS)
    for program in ("ip", "ip6tables-save", "apt-mark", "systemctl", "busctl"):
        machine.stub(program)
    machine.stub("iptables-save", save)
    machine.stub("iptables-restore", 'cat >"$ROOT/restored"')
    finished = machine.run("reset", RESET)
    assert finished.status == 0, finished.stderr
    return finished.stderr


def test_a_reset_deletes_our_rules_and_those_of_the_cluster_and_no_other(machine: Machine) -> None:
    """Rules of a step that was cut short would lead clients of the next cluster to a control plane of the last one."""
    ours = [":PULUMI-KUBEADM-API - [0:0]", "-A PREROUTING -p tcp -m tcp --dport 6443 -j PULUMI-KUBEADM-API"]
    others = ["*nat", "-A PREROUTING -p tcp -m comment --comment pulumi-kubeadm -j ACCEPT", "COMMIT"]
    of_cluster = [":KUBE-SERVICES - [0:0]", "-A PREROUTING -j KUBE-SERVICES", "-A KUBE-SERVICES -j cali-x"]
    lines = [others[0], *of_cluster, *ours, *others[1:]]
    errors = reset_with(machine, "cat <<'RULES'\n" + "\n".join(lines) + "\nRULES")
    assert machine.path("/restored").read_text().splitlines() == [
        *("*nat", of_cluster[0], "-D PREROUTING -j KUBE-SERVICES", ours[0], ours[1].replace("-A ", "-D ")),
        *("-X KUBE-SERVICES", "-X PULUMI-KUBEADM-API", "COMMIT"),
    ]
    # So a rule that a program of the owner's writes meanwhile, or takes away, is not put back to what the reset saw.
    assert "iptables-restore --wait --noflush" in machine.calls()
    assert "iptables" not in errors


def test_a_reset_says_which_rules_it_cannot_look_at(machine: Machine) -> None:
    """They may stay; the reset goes on, because the kernel of a machine may lack them."""
    errors = reset_with(machine, 'echo "cannot lock" >&2; exit 4')
    assert "node1: rules of iptables, if there are any, stay until a reboot: iptables-save says cannot lock" in errors
    assert not machine.path("/restored").exists()


OTHER_TABLES = [
    "table inet filter",
    "table ip nat",
    "table ip calico-hers",
    "table inet kube-proxy",
    "table arp filter",
]


def test_a_reset_deletes_the_tables_of_kube_proxy_and_calico_and_no_other(machine: Machine) -> None:
    """In mode nftables they have their rules in tables of their own, which drop packets of the next cluster."""
    of_cluster = [
        *(f"table {family} {name}" for family in ("ip", "ip6") for name in ("kube-proxy", "calico")),
        "table arp calico-arp",
    ]
    machine.write("/tables", "".join(f"{table}\n" for table in [*OTHER_TABLES, *of_cluster]))
    machine.stub("nft", 'case $1 in list) cat "$ROOT/tables" ;; delete) sed -i "/^${*:2}$/d" "$ROOT/tables" ;; esac')
    assert "nftables" not in reset_with(machine, "")
    assert machine.path("/tables").read_text().splitlines() == OTHER_TABLES


def test_a_reset_says_where_it_cannot_look_at_tables(machine: Machine) -> None:
    """The kernel may lack nftables."""
    machine.stub("nft", 'echo "Operation not supported" >&2; exit 1')
    expected = "node1: tables of nftables, if there are any, stay until a reboot: nft says Operation not supported\n"
    assert expected in reset_with(machine, "")


def test_a_reset_needs_no_nft(machine: Machine) -> None:
    """Then tables stay until a reboot: the programs of pods that could delete them are gone."""
    programs = machine.path("/programs")
    programs.mkdir()
    for directory in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for path in Path(directory).iterdir():
            if path.name != "nft" and not (programs / path.name).is_symlink():
                (programs / path.name).symlink_to(path)
    machine.replace("run", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", str(programs))
    (machine.root / "stubs" / "nft").unlink()
    assert "nftables" not in reset_with(machine, "")


HEADING = (
    "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port\n"
)


@pytest.mark.parametrize(
    ("link", "services", "clears"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_a_reset_deletes_the_services_of_ipvs_where_kube_proxy_had_them(
    machine: Machine, link: bool, services: bool, clears: bool
) -> None:
    """They would keep node ports; without the link of kube-proxy they are somebody's own."""
    if link:
        machine.path("/sys/class/net/kube-ipvs0").mkdir(parents=True)
    machine.write("/proc/net/ip_vs", f"{HEADING}TCP  C000020B:7539 rr\n" if services else HEADING)
    reset_with(machine, "")
    assert ("ipvsadm --clear" in machine.calls()) == clears


def test_a_reset_says_that_services_of_ipvs_stay_without_the_program(machine: Machine) -> None:
    """No package of the stack brings it."""
    machine.path("/sys/class/net/kube-ipvs0").mkdir(parents=True)
    machine.write("/proc/net/ip_vs", f"{HEADING}TCP  C000020B:7539 rr\n")
    (machine.root / "stubs" / "ipvsadm").unlink()
    machine.replace("lib/ipvs", "command -v ipvsadm", "command -v no-such-program")
    assert "services of IPVS stay until a reboot: there is no program ipvsadm" in reset_with(machine, "")


def test_a_reset_says_where_it_cannot_look_at_sets(machine: Machine) -> None:
    """They may stay, as rules may."""
    machine.stub("ipset", 'echo "Kernel error" >&2; exit 1')
    errors = reset_with(machine, "")
    assert "sets of addresses, if there are any, stay until a reboot: ipset says Kernel error\n" in errors


def test_a_reset_destroys_the_sets_of_kube_proxy_and_calico_and_no_other(machine: Machine) -> None:
    """One that a rule of others uses stays."""
    machine.stub(
        "ipset", 'case $1 in list) printf "%s\\n" KUBE-IP hers cali40s:1 calico-hers cali60x ;; *) exit 1 ;; esac'
    )
    reset_with(machine, "")
    destroyed = [call for call in machine.calls() if call.startswith("ipset destroy")]
    assert destroyed == [f"ipset destroy {name}" for name in ("KUBE-IP", "cali40s:1", "cali60x")]
