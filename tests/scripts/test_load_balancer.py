"""The load balancer of the API on a worker, and the name by which a machine finds the API."""

from __future__ import annotations

import pytest

from components.host_files import File
from components.host_files.load_balancer import CONFIGURATION, UNIT
from tests.scripts.cluster import STATE
from tests.scripts.drift import LOOK, make_look
from tests.scripts.machine import Machine

SERVICE = "kubernetes-api-haproxy.service"
VALUES = {"API_HOST": "api.dev.internal"}


def files(configuration: str = "server node1\n", unit: str = "[Service]\n") -> list[File]:
    """Those of the load balancer."""
    return [File(CONFIGURATION, configuration), File(UNIT, unit)]


@pytest.fixture
def worker(machine: Machine) -> Machine:
    """A worker without haproxy; systemd knows a service whose unit is there."""
    machine.stub(
        "apt-get",
        'printf "#!/bin/bash\\necho haproxy \\$* >>$ROOT/calls\\n! grep --quiet wrong \\"\\${!#}\\" || '
        '{ echo cannot parse >&2; exit 1; }\\n" >"$ROOT/stubs/haproxy"; chmod +x "$ROOT/stubs/haproxy"',
    )
    machine.stub("systemctl")
    machine.write("/etc/hosts", "127.0.0.1\tlocalhost\n")
    machine.stub("hostname", "echo node1")
    machine.replace("lib/load_balancer", "LAST_REQUESTS_SECONDS=2", "LAST_REQUESTS_SECONDS=0")
    return machine


def test_a_load_balancer_is_installed_and_runs(worker: Machine) -> None:
    """The service of the package, which has a configuration of its own, does not."""
    finished = worker.run_part("load_balancer", VALUES, files())
    assert finished.status == 0, finished.stderr
    assert "node1: haproxy is installed\n" in finished.stderr
    assert "node1: the load balancer of the API has its configuration\n" in finished.stderr
    calls = worker.calls()
    assert calls[0].endswith("install --no-install-recommends haproxy")
    assert "systemctl --quiet disable --now haproxy" in calls
    assert f"systemctl restart {SERVICE}" in calls
    assert worker.path(CONFIGURATION).read_text() == "server node1\n"


def test_a_load_balancer_that_runs_is_left_alone(worker: Machine) -> None:
    """Its connections would end."""
    finished = worker.run_part_twice("load_balancer", VALUES, files())
    assert finished.stderr == ""
    assert worker.verbs_of(SERVICE) == ["enable", "is-active"]


def test_a_new_configuration_is_reloaded_and_a_new_unit_restarts(worker: Machine) -> None:
    """A reload ends no connection."""
    assert worker.run_part("load_balancer", VALUES, files()).status == 0
    worker.verbs_of(SERVICE)
    assert worker.run_part("load_balancer", VALUES, files("server node1\nserver node2\n")).status == 0
    assert worker.verbs_of(SERVICE) == ["enable", "reload-or-restart", "is-active"]
    assert worker.run_part("load_balancer", VALUES, files("server node1\nserver node2\n", "[Service] \n")).status == 0
    assert worker.verbs_of(SERVICE) == ["enable", "restart", "is-active"]


def test_a_run_that_ended_before_the_reload_is_made_up_for(worker: Machine) -> None:
    """The file is there already, and haproxy runs with the old one."""
    assert worker.run_part("load_balancer", VALUES, files()).status == 0
    worker.verbs_of(SERVICE)
    worker.stub("systemctl", "[[ $1 != reload-or-restart ]] || kill -9 $PPID")
    other = files("server node2\n")
    assert worker.run_part("load_balancer", VALUES, other).status == 137
    worker.stub("systemctl")
    worker.verbs_of(SERVICE)
    assert worker.run_part("load_balancer", VALUES, other).status == 0
    assert "reload-or-restart" in worker.verbs_of(SERVICE)


def test_a_configuration_that_haproxy_refuses_is_not_put(worker: Machine) -> None:
    """A reload would fail, and the next start of the machine too."""
    assert worker.run_part("load_balancer", VALUES, files()).status == 0
    finished = worker.run_part("load_balancer", VALUES, files("wrong\n"))
    assert finished.status == 1
    assert "expected haproxy to accept its configuration,\n  saw cannot parse" in finished.stderr
    assert worker.path(CONFIGURATION).read_text() == "server node1\n"


def test_a_service_of_which_systemd_says_nothing_does_not_count_as_one_that_runs(worker: Machine) -> None:
    """A haproxy that ended at once would be recorded: no later run would start it."""
    worker.stub("systemctl", '[[ $1 != show ]] || { echo "Connection timed out" >&2; exit 1; }')
    finished = worker.run_part("load_balancer", VALUES, files())
    assert finished.status == 1
    assert "expected the load balancer of the API to run" in finished.stderr


def test_a_haproxy_of_others_keeps_its_service(worker: Machine) -> None:
    """It was there before the stack."""
    worker.stub("haproxy")
    assert worker.run_part("load_balancer", VALUES, files()).status == 0
    assert "systemctl --quiet disable --now haproxy" not in worker.calls()


def test_a_load_balancer_that_the_stack_no_longer_wants_stops(worker: Machine) -> None:
    """After /etc/hosts leads to the only control plane, and its last requests. A host without one stops nothing."""
    only = [File("/etc/hosts", "192.0.2.11\tapi.dev.internal\n")]
    assert worker.run_part("host_names", VALUES, only).status == 0
    assert worker.verbs_of(SERVICE) == []
    assert worker.run_part("load_balancer", VALUES, files()).status == 0
    assert worker.path(f"{STATE}/load-balancer-runs-with").exists()
    worker.verbs_of(SERVICE)
    assert worker.run_part("load_balancer", VALUES, []).status == 0
    assert worker.run_part("host_names", VALUES, only).status == 0
    assert worker.verbs_of(SERVICE) == ["kill --signal SIGUSR1", "stop"]
    assert not worker.path(f"{STATE}/load-balancer-runs-with").exists()


@pytest.mark.parametrize(("status", "ends"), [(1, 1), (5, 0)])
def test_a_load_balancer_that_does_not_stop_ends_the_step(worker: Machine, status: int, ends: int) -> None:
    """It would go on with its old servers. A unit that systemd does not know any more has stopped."""
    assert worker.run_part("load_balancer", VALUES, files()).status == 0
    worker.stub("systemctl", f"[[ $1 != stop ]] || {{ echo no >&2; exit {status}; }}")
    finished = worker.run_part("host_names", VALUES, [File("/etc/hosts", "192.0.2.11\tapi.dev.internal\n")])
    assert finished.status == ends, finished.stderr
    assert ("expected the load balancer of the API to stop,\n  saw no" in finished.stderr) == bool(ends)
    assert worker.path(f"{STATE}/load-balancer-runs-with").exists() == bool(ends)


def test_a_load_balancer_whose_first_run_was_cut_short_is_stopped_when_the_edit_is_taken_back(worker: Machine) -> None:
    """It may run although the step never said so."""
    worker.stub("systemctl", '[[ "$*" != *restart* ]] || kill -9 $PPID')
    assert worker.run_part("load_balancer", VALUES, files()).status != 0
    worker.stub("systemctl")
    worker.calls()
    only = [File("/etc/hosts", "192.0.2.11\tapi.dev.internal\n")]
    assert worker.run_part("host_names", VALUES, only).status == 0
    assert worker.verbs_of(SERVICE) == ["kill --signal SIGUSR1", "stop"]


@pytest.fixture
def node(worker: Machine) -> Machine:
    """A node whose kube-proxy started when the name of the API led to the only control plane."""
    worker.write("/etc/kubernetes/kubelet.conf", "")
    worker.write("/var/lib/kubelet/pods/0-1/etc-hosts", "# Kubernetes-managed\n192.0.2.11\tapi.dev.internal\n")
    worker.stub("crictl", 'case "$*" in *"name ^kube-proxy$") echo proxy1 ;; inspect*) echo 0-1 ;; esac')
    return worker


@pytest.mark.parametrize(
    ("lines", "name", "restarts"),
    [
        ("192.0.2.11\tapi.dev.internal\n", "api.dev.internal", False),
        ("192.0.2.14\tnode4\n192.0.2.11\tapi.dev.internal\n", "api.dev.internal", False),
        ("127.0.0.1\tapi.dev.internal\n", "api.dev.internal", True),
        ("192.0.2.14\tnode4\n", "", False),
    ],
)
def test_kube_proxy_restarts_only_where_the_name_of_the_api_leads_elsewhere(
    node: Machine, lines: str, name: str, restarts: bool
) -> None:
    """It has the /etc/hosts of its start."""
    finished = node.run_part("host_names", {"API_HOST": name}, [File("/etc/hosts", lines)])
    assert finished.status == 0, finished.stderr
    stopped = [call for call in node.calls() if call.startswith("crictl stop")]
    assert stopped == (["crictl stop --timeout 10 proxy1"] if restarts else [])
    assert ("kube-proxy restarts, since api.dev.internal leads to 127.0.0.1 now" in finished.stderr) == restarts


@pytest.mark.parametrize("call", ["inspect", "stop"])
def test_a_kube_proxy_that_is_replaced_meanwhile_ends_no_preparation(node: Machine, call: str) -> None:
    """As where the leader changes kube-proxy on all nodes: the new one has the new /etc/hosts."""
    line = "127.0.0.1\tapi.dev.internal\n"
    node.write("/var/lib/kubelet/pods/0-2/etc-hosts", line)
    node.stub(
        "crictl",
        f"if [[ $1 == {call} && ! -e $ROOT/replaced ]]; then touch $ROOT/replaced; echo NotFound >&2; exit 1; fi\n"
        '[[ -e $ROOT/replaced ]] && now=2 || now=1\ncase "$*" in *"name ^kube-proxy$") echo proxy$now ;;\n'
        "inspect*) echo 0-$now ;; esac",
    )
    finished = node.run_part("host_names", {"API_HOST": "api.dev.internal"}, [File("/etc/hosts", line)])
    assert finished.status == 0, finished.stderr
    assert "crictl stop --timeout 10 proxy2" not in node.calls()


@pytest.mark.parametrize(("wanted", "missed"), [(files(), True), ([], False)])
def test_drift_names_a_load_balancer_that_does_not_run(worker: Machine, wanted: list[File], missed: bool) -> None:
    """A worker without it does not find the API any more."""
    worker.stub("systemctl", f'[[ "$*" != *"{SERVICE}" ]] || {{ echo inactive; exit 3; }}')
    make_look(worker, "look_at_services")
    finished = worker.run(LOOK, VALUES, wanted)
    assert finished.status == 0, finished.stderr
    assert (f"service {SERVICE}: expected it to run, saw inactive\n" in finished.stdout) == missed
