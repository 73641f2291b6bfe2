"""The virtual address of the API on a control plane, which gives it up while its API server cannot serve."""

from __future__ import annotations

import pytest

from components.host_files import File, files_of
from components.host_files.vip import CONFIGURATION, SCRIPT, UNIT
from components.settings.stack_file import parse_settings
from tests.scripts.cluster import ETCD, OWN_MEMBER, STATE, VALUES
from tests.scripts.drift import LOOK, make_look
from tests.scripts.machine import Finished, Machine
from tests.unit.support.stacks import smallest

SERVICE = "kubernetes-vip-keepalived.service"
MARK = f"{STATE}/vip-runs-with"


def files() -> list[File]:
    """Those of keepalived, as the program renders them for the only control plane."""
    stack = smallest()
    stack["cluster"]["vip"] = {"address": "192.0.2.100"}
    settings = parse_settings(stack)
    host = settings.control_planes[0]
    own, shared = files_of(host, settings)
    return [file for file in [*own, *shared] if file.path in {CONFIGURATION, SCRIPT, UNIT}]


@pytest.fixture
def control_plane(machine: Machine) -> Machine:
    """A machine without keepalived; systemd remembers what runs."""
    machine.stub("apt-get", 'printf "#!/bin/bash\\n" >"$ROOT/stubs/keepalived"; chmod +x "$ROOT/stubs/keepalived"')
    machine.stub("curl", 'printf "%s" "$(cat "$ROOT/status")"')
    machine.stub(
        "systemctl",
        f'[[ "$*" == *{SERVICE} ]] || exit 0\ncase "$*" in\n'
        '*is-active*) [[ -e $ROOT/runs ]] ;;\n*stop*) rm -f "$ROOT/runs" ;;\n*start*) : >"$ROOT/runs" ;;\nesac',
    )
    machine.stub("ip", 'echo "2: eth1    inet 192.0.2.11/24 brd 192.0.2.255 scope global eth1"')
    return machine


def test_keepalived_is_installed_and_runs(control_plane: Machine) -> None:
    """The service of the package does not; a second run leaves ours alone."""
    first = control_plane.run_part("vip", {}, files())
    assert first.status == 0, first.stderr
    assert "node1: keepalived is installed\n" in first.stderr
    calls = control_plane.calls()
    assert calls[0].endswith("install --no-install-recommends keepalived")
    assert "systemctl --quiet disable --now keepalived" in calls
    assert f"systemctl restart {SERVICE}" in calls
    assert control_plane.path(SCRIPT).stat().st_mode & 0o777 == 0o755
    second = control_plane.run_part("vip", {}, files())
    assert (second.status, second.stderr) == (0, "")
    assert control_plane.verbs_of(SERVICE) == ["enable", "is-active"]


def test_another_configuration_is_reloaded(control_plane: Machine) -> None:
    """A restart would move the address."""
    assert control_plane.run_part("vip", {}, files()).status == 0
    control_plane.verbs_of(SERVICE)
    other = [File(each.path, each.content.replace("192.0.2.100", "192.0.2.99"), each.mode) for each in files()]
    assert control_plane.run_part("vip", {}, other).status == 0
    assert control_plane.verbs_of(SERVICE) == ["enable", "reload-or-restart", "is-active"]


def test_keepalived_that_does_not_start_ends_the_step(control_plane: Machine) -> None:
    """It has looked at its configuration before."""
    control_plane.stub("systemctl", '[[ "$*" != *restart* ]]')
    control_plane.stub("journalctl", "echo no network card has the address")
    finished = control_plane.run_part("vip", {}, files())
    assert finished.status == 1
    assert "expected keepalived, which holds the virtual address, to run,\n  saw no network card" in finished.stderr
    assert f"journalctl -u {SERVICE}" in finished.stderr


@pytest.mark.parametrize("process", ["date +%s%N", "echo 0"])
def test_keepalived_that_ends_at_once_ends_the_step(control_plane: Machine, process: str) -> None:
    """systemd takes it for one that runs, and starts it again and again; nobody has the address."""
    control_plane.stub("systemctl", f'[[ "$*" != *MainPID* ]] || {process}')
    finished = control_plane.run_part("vip", {}, files())
    assert finished.status == 1
    assert "expected keepalived, which holds the virtual address, to run" in finished.stderr
    assert "not yet" in control_plane.path(MARK).read_text(), "the next run starts it anew"


def test_keepalived_that_the_stack_no_longer_wants_stops(control_plane: Machine) -> None:
    """A host that never had it stops nothing; a reset stops it, too."""
    assert control_plane.run_part("vip").status == 0
    assert control_plane.verbs_of(SERVICE) == []
    assert control_plane.run_part("vip", {}, files()).status == 0
    control_plane.calls()
    assert control_plane.run_part("vip").status == 0
    assert control_plane.verbs_of(SERVICE) == ["stop"]
    assert not control_plane.path(MARK).exists()


def test_a_reset_stops_keepalived_and_takes_its_files_away(control_plane: Machine) -> None:
    """The address goes to another control plane with the machine that leaves."""
    control_plane.script(
        "prepare",
        '. "$LIBRARY/lib/lib.sh"\n. "$LIBRARY/lib/kubeadm.sh"\nKEYRINGS=\n'
        'for part in leftovers vip; do . "$LIBRARY/parts/prepare/$part.sh"; done',
    )
    assert control_plane.run("prepare", {}, files()).status == 0
    control_plane.calls()
    control_plane.write(f"{STATE}/owner", "0123")
    control_plane.write("/etc/hosts", "127.0.0.1\tlocalhost\n")
    for program in ("iptables-save", "ip6tables-save", "apt-mark", "kubeadm"):
        control_plane.stub(program)
    values = {"CLUSTER_ID": "0123", "CLUSTER_NAME": "dev", "ROLE": "control-plane", "NODE_LEAVES_FIRST": "true"}
    finished = control_plane.run("reset", values)
    assert finished.status == 0, finished.stderr
    assert control_plane.verbs_of(SERVICE) == ["stop"]
    assert [path for path in (CONFIGURATION, SCRIPT, UNIT) if control_plane.path(path).exists()] == []


def run_script(machine: Machine, verb: str) -> Finished:
    """A run of the script that keepalived runs."""
    content = {file.path: file.content for file in files()}
    machine.write(CONFIGURATION, content[CONFIGURATION])
    machine.path("/run/kubernetes-vip").mkdir(parents=True, exist_ok=True)
    machine.script("check", machine.relocated(f"set -- {verb}\n{content[SCRIPT]}"))
    return machine.run("check")


@pytest.mark.parametrize(
    ("status", "serves"), [("200", True), ("401", True), ("403", True), ("500", False), ("", False)]
)
def test_an_api_server_serves_where_it_answers_200_401_or_403(
    control_plane: Machine, status: str, serves: bool
) -> None:
    """401 and 403 come from one that allows no anonymous request."""
    control_plane.write("/status", status)
    assert (run_script(control_plane, "api-is-ready").status == 0) == serves


def test_keepalived_uses_the_network_card_of_the_address_of_the_node(control_plane: Machine) -> None:
    """And does not start without it: systemd tries again."""
    assert run_script(control_plane, "interface").status == 0
    assert "ip -4 -oneline address show to 192.0.2.11/32" in control_plane.calls()
    assert control_plane.path("/run/kubernetes-vip/interface.conf").read_text() == "interface eth1\n"
    control_plane.stub("ip")
    finished = run_script(control_plane, "interface")
    assert finished.status == 1
    assert "no network card has the address 192.0.2.11" in finished.stderr


TWO_MEMBERS = f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n"


@pytest.fixture
def one_of_two(control_plane: Machine) -> Machine:
    """One of two control planes, which takes part in the address."""
    assert control_plane.run_part("vip", {}, files()).status == 0
    control_plane.calls()
    control_plane.stub("crictl", ETCD)
    control_plane.write("/members", TWO_MEMBERS)
    return control_plane


def clients(machine: Machine, then: str) -> Finished:
    """Clients are diverted, something happens, and they are let in."""
    libraries = ("lib", "kubeadm", "static_pods", "etcd", "vip", "clients")
    sourced = "".join(f'. "$LIBRARY/lib/{name}.sh"\n' for name in libraries)
    machine.script("clients", f"{sourced}trap let_clients_in EXIT\ndivert_clients\n{then}\nlet_clients_in")
    return machine.run("clients", VALUES)


@pytest.mark.parametrize(("then", "status"), [("", 0), ("exit 7", 7), ("false", 1)])
def test_a_machine_whose_clients_are_diverted_gives_the_address_up_first(
    one_of_two: Machine, then: str, status: int
) -> None:
    """And takes part again, also where the step fails."""
    finished = clients(one_of_two, then)
    assert finished.status == status, finished.stderr
    calls = one_of_two.calls()
    (stopped,) = [number for number, call in enumerate(calls) if call == f"systemctl stop {SERVICE}"]
    (diverted,) = [number for number, call in enumerate(calls) if call == "detour begins"]
    (started,) = [number for number, call in enumerate(calls) if call == f"systemctl start {SERVICE}"]
    assert stopped < diverted < started
    assert one_of_two.path("/runs").exists()
    assert one_of_two.path(MARK).exists(), "an edit that takes the address away stops it for good"


def test_the_only_control_plane_keeps_the_address(one_of_two: Machine) -> None:
    """There is no other one to take it."""
    one_of_two.write("/members", f"{OWN_MEMBER}\n")
    assert clients(one_of_two, "").status == 0
    assert "stop" not in one_of_two.verbs_of(SERVICE)


def test_a_machine_that_takes_no_part_starts_nothing(one_of_two: Machine) -> None:
    """The stack has no virtual address."""
    assert one_of_two.run_part("vip").status == 0
    one_of_two.calls()
    assert clients(one_of_two, "").status == 0
    assert one_of_two.verbs_of(SERVICE) == []


def test_a_machine_that_a_run_stopped_that_was_cut_short_takes_part_again(one_of_two: Machine) -> None:
    """By the next run, whatever it does."""
    one_of_two.path("/runs").unlink()
    one_of_two.write("/members", f"{OWN_MEMBER}\n")
    assert clients(one_of_two, "").status == 0
    assert one_of_two.path("/runs").exists()


@pytest.mark.parametrize(("wanted", "missed"), [(files(), True), ([], False)])
def test_drift_names_keepalived_that_does_not_run(control_plane: Machine, wanted: list[File], missed: bool) -> None:
    """The other control planes hold the address alone."""
    control_plane.stub("systemctl", f'[[ "$*" != *"{SERVICE}" ]] || {{ echo inactive; exit 3; }}')
    control_plane.stub("hostname", "echo node1")
    make_look(control_plane, "look_at_services")
    finished = control_plane.run(LOOK, {}, wanted)
    assert finished.status == 0, finished.stderr
    assert (f"service {SERVICE}: expected it to run, saw inactive\n" in finished.stdout) == missed
