"""Names of a machine and of the hosts of the stack: /etc/hosts changes where it differs, and stays the owner's."""

from __future__ import annotations

import pytest

from components.host_files import File
from tests.scripts.machine import Machine
from tests.scripts.preparation import HOSTS, RESET

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


CLOUD_TEMPLATE = "## template:jinja\n127.0.1.1 {{fqdn}} {{hostname}}\n127.0.0.1 localhost\n"
CLOUD_HOSTS = "/etc/cloud/templates/hosts.debian.tmpl"
CLOUD_NAME = "/etc/cloud/cloud.cfg.d/99-pulumi-kubeadm.cfg"


def boot(named: Machine) -> None:
    """Write /etc/hosts as cloud-init does at a boot, without the line that only its template has."""
    written = named.path(CLOUD_HOSTS).read_text().removeprefix("## template:jinja\n")
    named.write("/etc/hosts", written.replace("{{fqdn}} {{hostname}}", "node1"))


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
    boot(named)
    named.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    for program in ("ip", "iptables-save", "ip6tables-save", "apt-mark", "systemctl"):
        named.stub(program)
    assert named.run("reset", RESET).status == 0
    assert template.read_text() == CLOUD_TEMPLATE
    assert not named.path(CLOUD_NAME).exists()
    reset = named.path("/etc/hosts").read_text()
    boot(named)
    assert reset == named.path("/etc/hosts").read_text(), "as cloud-init writes it"
