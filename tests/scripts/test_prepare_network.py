"""The part of `prepare` that looks at the network of a machine: load balancer, virtual address, what others left."""

from __future__ import annotations

import shutil

import pytest

from components.host_files import File
from tests.scripts.machine import Machine
from tests.scripts.preparation import MACHINE_VALUES
from tests.unit.support.listening import listening


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
