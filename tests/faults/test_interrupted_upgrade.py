"""An upgrade whose control plane loses its power goes on where it was, without a hand."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from local import cluster, machines
from tests.faults.machines import FAULTS, on_machine
from tests.faults.runs import Run, assert_converged

OLD, NEW = "1.35.4", "1.36.3"
CONTROL_PLANE = next(iter(FAULTS.machines))


def cut_power() -> None:
    """The control plane is switched off and on again."""
    subprocess.run(["podman", "stop", "--time", "0", FAULTS.container(CONTROL_PLANE)], check=True, capture_output=True)
    machines.create(FAULTS)


def succeeds(look: str) -> Callable[[Run], bool]:
    """The point at which a look at the control plane succeeds."""
    return lambda _: on_machine(CONTROL_PLANE, f"{look} && echo yes").endswith("yes\n")


def test_an_upgrade_that_power_cuts_ended_goes_on(no_machines: None, tmp_path: Path) -> None:
    """First between etcd and the API server, then between the drain and the new kubelet."""
    Run(tmp_path, f"kubernetesVersion: {OLD}").succeed()
    between_etcd_and_api = succeeds(
        f"cd /etc/kubernetes/manifests; ! cmp etcd.yaml /var/tmp/etcd.yaml && grep --quiet v{OLD} kube-apiserver.yaml"
    )
    on_machine(CONTROL_PLANE, "cp /etc/kubernetes/manifests/etcd.yaml /var/tmp")
    run = Run(tmp_path)
    run.wait_for(between_etcd_and_api)
    cut_power()
    run.error()

    run = Run(tmp_path)
    run.wait_for(
        succeeds(
            "export KUBECONFIG=/etc/kubernetes/admin.conf;"
            f" kubectl get node {CONTROL_PLANE} --output jsonpath='{{.spec.unschedulable}}' | grep --quiet true"
        )
    )
    cut_power()
    run.error()

    Run(tmp_path).succeed()
    assert_converged()
    kubectl = [str(cluster.kubectl(FAULTS)), "--kubeconfig", str(FAULTS.directory / "kubeconfig")]
    nodes = json.loads(subprocess.check_output([*kubectl, "get", "nodes", "--output=json"], text=True))["items"]
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {f"v{NEW}"}
    assert not [node for node in nodes if node["spec"].get("unschedulable")]
