"""A configuration of kube-proxy that does not work is tried on one node, taken back, and named."""

from __future__ import annotations

import pytest

from tests.scripts.cluster import ETCD, NODE_IS_READY, STATE, VALUES
from tests.scripts.machine import Finished, Machine

EDITED = VALUES | {"KUBE_PROXY_CONFIGURATION_SHA256": "other"}
MARK = f"{STATE}/kube-proxy-configuration"
BEFORE = f"{STATE}/kube-proxy"
LOG = 'err="failed to set feature gates: unrecognized feature gate: Wrong"'
KUBECTL = r"""
case "$*" in
  "get "*"configmap kube-proxy --output"*) cat "$ROOT/configuration"; exit ;;
  "patch "*"configmap kube-proxy "*)
    [[ ! -e $ROOT/silent ]] || exit 1
    sed 's/^{"data": \(.*\)}$/\1/' "$BEFORE" >"$ROOT/configuration" ;;
  *"delete pod "*) date +%N >"$ROOT/container" ;;
esac
"""
CRICTL = r"""
case "$*" in
  "ps --quiet --name ^kube-proxy$")
    if grep --quiet Wrong "$ROOT/configuration"; then date +%N; else cat "$ROOT/container"; fi; exit ;;
  "ps --all --quiet --name ^kube-proxy$") echo ended; exit ;;
  "logs --tail 5 ended") echo 'LOG' >&2; exit ;;
esac
""".replace("LOG", LOG)


@pytest.fixture
def proxied(control_plane: Machine) -> Machine:
    """A control plane whose kube-proxy starts anew each time that one looks, where its configuration says Wrong."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.write("/configuration", '{"config.conf":"old"}')
    control_plane.write("/container", "first\n")
    control_plane.stub(
        "kubectl",
        KUBECTL.replace("$BEFORE", str(control_plane.path(f"{BEFORE}/configuration"))) + NODE_IS_READY,
    )
    control_plane.stub("crictl", CRICTL + ETCD)
    control_plane.stub("kubeadm", '[[ $* != *"addon kube-proxy"* ]] || cp "$ROOT/wanted" "$ROOT/configuration"')
    control_plane.stub("sleep")
    control_plane.replace("lib/kube_proxies", "STAYS_SECONDS=0", "STAYS_SECONDS=2")
    control_plane.replace("lib/kube_proxies", "comes_true 120", "comes_true 1")
    control_plane.calls()
    return control_plane


def update(machine: Machine, wanted: str, values: dict[str, str] = EDITED) -> Finished:
    """A run of the step, by which kubeadm writes this content of the ConfigMap."""
    machine.write("/wanted", f'{{"config.conf":"{wanted}"}}')
    return machine.send(machine.text("init", values), "verify")


def restarts(machine: Machine) -> list[str]:
    """What was restarted since the last time that this was asked: the kube-proxy of the machine, or all of them."""
    names = {"delete pod": "own", "rollout restart": "all"}
    return [name for call in machine.calls() for words, name in names.items() if words in call]


def test_a_configuration_that_works_reaches_this_machine_first(proxied: Machine) -> None:
    """And then all nodes; a second run has nothing to do."""
    finished = update(proxied, "new")
    assert finished.status == 0, finished.stderr
    assert finished.stderr == "node1: kube-proxy restarts with its new configuration\n"
    assert restarts(proxied) == ["own", "all"]
    assert proxied.path(MARK).read_text() == "other"
    assert not proxied.path(BEFORE).exists()
    assert (update(proxied, "new").stderr, restarts(proxied)) == ("", [])


def test_a_configuration_that_ends_kube_proxy_is_taken_back_and_named(proxied: Machine) -> None:
    """The other nodes never see it, and the mark does not say that it holds."""
    finished = update(proxied, "Wrong")
    assert finished.status == 1
    assert f"expected kube-proxy to run with its new configuration within 120 s,\n  saw {LOG}\n" in finished.stderr
    assert "Next: mend cluster.kubeProxyConfiguration in the stack file, then pulumi up" in finished.stderr
    assert proxied.path("/configuration").read_text().strip() == '{"config.conf":"old"}'
    assert restarts(proxied) == ["own", "all"], "all with the old one"
    assert not proxied.path(MARK).exists()
    assert not proxied.path(BEFORE).exists()
    assert update(proxied, "new").status == 0


@pytest.mark.parametrize("values", [VALUES, EDITED])
def test_a_change_that_was_cut_short_is_taken_back_by_the_next_run(proxied: Machine, values: dict[str, str]) -> None:
    """First of all, and what that run wants is compared with the configuration that worked."""
    proxied.write("/silent", "")
    assert update(proxied, "Wrong").status == 1
    assert proxied.path(BEFORE).exists()
    assert "Wrong" in proxied.path("/configuration").read_text()
    proxied.path("/silent").unlink()
    restarts(proxied)
    assert update(proxied, "old", values).status == 0
    assert proxied.path("/configuration").read_text().strip() == '{"config.conf":"old"}'
    assert restarts(proxied) == ["all"]
    assert not proxied.path(BEFORE).exists()


def test_a_control_plane_that_leads_no_more_puts_nothing_back(proxied: Machine) -> None:
    """The ConfigMap is that of the control plane which leads since."""
    proxied.write(f"{BEFORE}/configuration", '{"data": {"config.conf":"older"}}\n')
    assert update(proxied, "new", VALUES | {"LEADS": "false"}).status == 0
    assert proxied.path("/configuration").read_text() == '{"config.conf":"old"}'
    assert not proxied.path(BEFORE).exists()


def test_a_cluster_configuration_that_changes_kube_proxy_is_looked_at_too(running: Machine) -> None:
    """Its ConfigMap has the endpoint and the pod network."""
    running.write("/wanted", "new\n")
    finished = running.send(running.text("init", VALUES | {"CLUSTER_CONFIGURATION_SHA256": "other"}), "verify")
    assert finished.status == 0, finished.stderr
    assert "node1: kube-proxy restarts with its new configuration\n" in finished.stderr
    assert not [call for call in running.calls() if "addon all" in call]
