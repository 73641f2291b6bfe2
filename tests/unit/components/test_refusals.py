"""Changes of a stack file that a running cluster cannot follow."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from components.steps.last_update import LastUpdate
from components.steps.step import StepName
from tests.unit.support.planning import impossible, state_of
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import Stack


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("1.35.5", None),
        ("1.36.3", None),
        ("1.37.0", "one minor version at a time, found 1.37.0, the cluster has 1.35.4; go to 1.36.x, then to 1.37.0"),
        ("1.34.9", "kubeadm cannot go back from 1.35.4 to 1.34.9"),
        ("1.35.3", "kubeadm cannot go back from 1.35.4 to 1.35.3"),
    ],
)
def test_a_version_that_kubeadm_cannot_reach_is_refused(
    stack: Stack, last: LastUpdate, version: str, problem: str | None
) -> None:
    """With the steps that lead there."""
    stack["cluster"]["kubernetesVersion"] = version
    found = impossible(stack, last)
    assert (problem is None) == (found == [])
    assert all(problem in each for each in found if problem)
    assert impossible(stack, LastUpdate()) == []


def test_an_upgrade_past_a_flag_that_the_cluster_still_has_is_refused(directory: Path) -> None:
    """kubeadm would start the new API server with it, whatever the stack file says."""
    stack = stack_of(directory, version="1.32.9")
    flag = [{"name": "cloud-config", "value": "/etc/cloud"}]
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraArgs": flag}}
    before = state_of(record(stack, preview=False))
    assert impossible(stack, before) == []
    stack["cluster"] |= {"kubernetesVersion": "1.33.5", "clusterConfiguration": {}}
    (problem,) = impossible(stack, before)
    assert "still has --cloud-config in apiServer.extraArgs, which 1.33.5 does not know" in problem
    assert "remove the flag with version 1.32.9" in problem


@pytest.mark.parametrize(
    ("configuration", "path"),
    [
        ({"featureGates": {"Old": True}}, "featureGates"),
        (
            {"scheduler": {"extraArgs": [{"name": "feature-gates", "value": "Kept=true,Old=false"}]}},
            "scheduler.extraArgs",
        ),
    ],
)
def test_an_upgrade_past_a_feature_gate_that_goes_with_it_is_refused(
    directory: Path, configuration: Stack, path: str
) -> None:
    """The edit would come after the program of the next minor, which may not know the gate."""
    stack = stack_of(directory, version="1.35.4")
    stack["cluster"]["clusterConfiguration"] = configuration
    before = state_of(record(stack, preview=False))
    kept = [{"name": "feature-gates", "value": "Kept=true"}]
    stack["cluster"]["clusterConfiguration"] = (
        {"scheduler": {"extraArgs": kept}} if "scheduler" in configuration else {}
    )
    assert impossible(stack, before) == []
    stack["cluster"]["kubernetesVersion"] = "1.36.3"
    (problem,) = impossible(stack, before)
    assert f"still has the feature gate Old in {path}, with which kubeadm upgrades; remove the gate with" in problem
    stack["cluster"]["clusterConfiguration"] = configuration
    assert impossible(stack, before) == [], "a gate that stays may be one that the next version knows"


@pytest.mark.parametrize(
    ("key", "value", "paths"),
    [
        ("controlPlaneEndpoint", "api.example.com:6443", ["cluster.controlPlaneEndpoint"]),
        ("networking", {"podSubnet": "10.1.0.0/16"}, ["cluster.networking"]),
        ("name", "other", ["cluster.name", "cluster.controlPlaneEndpoint"]),
    ],
)
def test_what_kubeadm_writes_once_cannot_be_changed(
    stack: Stack, last: LastUpdate, key: str, value: object, paths: list[str]
) -> None:
    """Said in the preview, and not by a cluster that fell apart. An endpoint by default has the cluster's name."""
    stack["cluster"][key] = value
    found = impossible(stack, last)
    assert [re.split("[: ]", problem)[0] for problem in found] == paths
    assert all("cannot be changed once the cluster exists" in problem for problem in found)


def test_a_node_keeps_its_address(stack: Stack, last: LastUpdate) -> None:
    """What kubelet, certificates and etcd were told, nobody tells them again; where SSH answers is no part of it."""
    stack["hosts"]["node2"]["nodeIp"] = "10.0.0.2"
    stack["hosts"]["node3"] |= {"address": "192.0.2.99", "nodeIp": stack["hosts"]["node3"]["address"]}
    (problem,) = impossible(stack, last)
    assert problem.startswith(
        "hosts.node2.nodeIp: a node keeps its address in the cluster, found 10.0.0.2, the node has"
    )
    assert "delete the line of node2" in problem
    stack["hosts"]["node1"]["address"] = "192.0.2.98"
    assert impossible(stack, last)[0].startswith("hosts.node1.address: a node keeps its address")
    del stack["hosts"]["node2"]["nodeIp"]
    stack["hosts"]["node2"] |= {"gone": True, "address": "192.0.2.97"}
    assert len(impossible(stack, last)) == 1, "a machine that is gone has no address any more"


def test_a_node_is_not_renamed(stack: Stack, last: LastUpdate) -> None:
    """It would be joined under its new name and then reset under the old one."""
    stack["hosts"]["node9"] = stack["hosts"].pop("node2")
    (problem,) = impossible(stack, last)
    assert problem.startswith("hosts.node9.address: 192.0.2.12 is node node2 of this cluster")
    steps = {key: each for key, each in last.steps.items() if key != ("node2", StepName.MEMBERSHIP)}
    joined = steps["node2", StepName.JOIN]
    steps["node2", StepName.JOIN] = dataclasses.replace(joined, stdin=joined.stdin.replace("export ROLE=worker\n", ""))
    gone = dataclasses.replace(last, steps=steps)
    assert impossible(stack, gone) == [], "the machine of a node that was declared gone with 0.2.0 is free"
