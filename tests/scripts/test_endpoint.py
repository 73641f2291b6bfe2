"""The endpoint of a running cluster: an address becomes a name, once."""

from __future__ import annotations

import pytest

from tests.scripts.cluster import NODE_IS_READY, VALUES
from tests.scripts.machine import Machine

OLD, NEW = "https://192.0.2.11:6443", "https://api.dev.internal:6443"
BEFORE = "name dev, endpoint 192.0.2.11:6443, pods 10.244.0.0/16"  # as in VALUES, with an endpoint
AFTER = BEFORE.replace("192.0.2.11", "api.dev.internal")
MARK = "/var/lib/pulumi-kubeadm/cluster-identity"
ADDRESS_MARK = "/var/lib/pulumi-kubeadm/node-address"
CLUSTER_INFO = (
    f'there=$(cat "$ROOT/info" 2>/dev/null || echo {OLD})\n'
    'case "$*" in *cluster-info*jsonpath*) printf "    server: %s\\n" "$there" ;;'
    f' *"apply --server-side"*) echo {NEW} >"$ROOT/info" ;; esac\n'
)


@pytest.fixture
def addressed(running: Machine) -> Machine:
    """A control plane whose files and objects have an address as the endpoint."""
    running.write("/etc/kubernetes/admin.conf", f"clusters:\n- cluster:\n    server: {OLD}\n  name: dev\n")
    running.write(MARK, BEFORE)
    running.stub("kubectl", CLUSTER_INFO + NODE_IS_READY)
    return running


def verify(machine: Machine, **values: str) -> str:
    """A run of the step; its standard error."""
    finished = machine.send(machine.text("init", VALUES | values), "verify")
    assert finished.status == 0, finished.stderr
    return finished.stderr


@pytest.mark.parametrize("endpoint", ["192.0.2.11", "node1"])
def test_an_endpoint_of_one_machine_becomes_a_name_everywhere_and_once(addressed: Machine, endpoint: str) -> None:
    """The kubeconfig of the machine, and what joining nodes read; kube-proxy follows the ClusterConfiguration."""
    addressed.write(MARK, BEFORE.replace("192.0.2.11", endpoint))
    errors = verify(addressed, API_SERVER=NEW, CLUSTER_IDENTITY=AFTER)
    assert f"admin.conf leads to {NEW}\n" in errors
    assert f"    server: {NEW}\n" in addressed.path("/etc/kubernetes/admin.conf").read_text()
    assert addressed.path("/etc/kubernetes/admin.conf").stat().st_mode & 0o777 == 0o600
    assert addressed.path(MARK).read_text() == AFTER
    assert len([call for call in addressed.calls() if "apply --server-side" in call]) == 1
    assert verify(addressed, API_SERVER=NEW, CLUSTER_IDENTITY=AFTER) == ""
    assert not [call for call in addressed.calls() if "apply --server-side" in call]


@pytest.mark.parametrize(("wanted", "url"), [(BEFORE, OLD), (AFTER, NEW)])
def test_a_cluster_of_an_earlier_version_is_known_again(addressed: Machine, wanted: str, url: str) -> None:
    """0.2.0 wrote the address of the machine into the identity; it still holds for the machine."""
    addressed.write(MARK, BEFORE.replace(", pods", ", node 192.0.2.11, pods"))
    addressed.path(ADDRESS_MARK).unlink(missing_ok=True)
    text = addressed.text("init", VALUES | {"API_SERVER": url, "CLUSTER_IDENTITY": wanted, "NODE_IP": "192.0.2.12"})
    assert "its certificates and etcd have 192.0.2.11" in addressed.send(text, "verify").stderr
    verify(addressed, API_SERVER=url, CLUSTER_IDENTITY=wanted)
    assert addressed.path(MARK).read_text() == wanted


def test_only_the_leader_changes_what_belongs_to_the_cluster(addressed: Machine) -> None:
    """Another one has files of its own."""
    verify(addressed, API_SERVER=NEW, CLUSTER_IDENTITY=AFTER, LEADS="false")
    assert not [call for call in addressed.calls() if "apply --server-side" in call]


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (AFTER, BEFORE),
        (BEFORE, BEFORE.replace("2.11", "2.12")),
        (BEFORE, AFTER.replace("dev, e", "other, e")),
        (BEFORE.replace("192.0.2.11", "other"), AFTER),
        (BEFORE.replace("192.0.2.11", "node1"), BEFORE),
    ],
)
def test_no_other_change_of_the_identity_is_taken(addressed: Machine, there: str, wanted: str) -> None:
    """A name back to an address, another address, another cluster, a name of no machine."""
    addressed.write(MARK, there)
    text = addressed.text("init", VALUES | {"API_SERVER": NEW, "CLUSTER_IDENTITY": wanted})
    finished = addressed.send(text, "verify")
    assert finished.status == 1
    assert f"expected the cluster that is on this machine: {wanted},\n  saw {there}" in finished.stderr
