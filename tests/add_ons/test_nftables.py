"""Mode nftables of kube-proxy and Calico, which the Services of all tests of add-ons use."""

from __future__ import annotations

from functools import partial

import pytest

from tests.add_ons.machines import ADD_ONS, AddOnCluster, on_machine, soon

TABLES = {"ip kube-proxy", "ip calico"}
"""Those that carry IPv4."""
RULES = ("-A KUBE-SVC", "-A cali-")
"""Begins of rules of the same programs in mode iptables."""


def tables(machine: str) -> set[str]:
    """Tables of nftables, each as its family and name."""
    return {line.removeprefix("table ") for line in on_machine(machine, "nft list tables").splitlines()}


def has_rules(machine: str) -> bool:
    """Whether iptables has rules of kube-proxy or Calico."""
    return any(rule.startswith(RULES) for rule in on_machine(machine, "iptables-save").splitlines())


def uses(machine: str, mode: str) -> bool:
    """Whether kube-proxy and Calico have what they need of this mode on a machine, and nothing of the other one."""
    is_nftables = mode == "nftables"
    found = tables(machine) & TABLES
    return found == (TABLES if is_nftables else set()) and has_rules(machine) != is_nftables


def change_mode(live: AddOnCluster, mode: str) -> str:
    """Edit the stack file, update, and return the plan."""
    live.set(cluster=live.section("cluster") | {"kubeProxyConfiguration": {"mode": mode}})
    plan = live.plan()
    live.up()
    live.up("--expect-no-changes")
    return plan


@pytest.mark.usefixtures("live")
def test_services_and_policies_are_tables_of_nftables_alone() -> None:
    """Rules of iptables beside them would be evaluated too."""
    assert {machine for machine in ADD_ONS.machines if uses(machine, "nftables")} == ADD_ONS.machines.keys()


@pytest.mark.parametrize("mode", ["iptables", "nftables"])
def test_a_running_cluster_changes_its_mode_by_one_edit(live: AddOnCluster, mode: str) -> None:
    """Each program deletes what it had in the other mode, and Services answer on each node."""
    plan = change_mode(live, mode)
    assert "every node: kube-proxy restarts" in plan
    assert "every node: calico-node restarts" in plan
    request = f"curl -sS --insecure --max-time 3 https://{live.get('service', 'kubernetes')['spec']['clusterIP']}/livez"
    for machine in ADD_ONS.machines:
        soon(partial(uses, machine, mode))
        assert soon(partial(on_machine, machine, request)) == "ok", machine


def test_a_worker_that_leaves_keeps_no_table_of_them(live: AddOnCluster) -> None:
    """A table that stays drops packets of the cluster that the host joins next."""
    live.set(hosts={name: host for name, host in live.section("hosts").items() if name != "node3"})
    before = tables("node3")
    live.up()
    assert not {table for table in tables("node3") if "kube-proxy" in table or "calico" in table}, before
