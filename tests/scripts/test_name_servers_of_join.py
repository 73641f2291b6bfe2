"""Name servers of pods where the kubelets of a cluster read one file, before a machine joins that may not have it."""

from __future__ import annotations

import json

import pytest

from tests.scripts.cluster import DISCOVERY, STATE, VALUES, kubeadm_calls
from tests.scripts.machine import Machine

RESOLVED = "/run/systemd/resolve/resolv.conf"
NAMES_NONE = "expected name servers for pods in"


def cluster_names(worker: Machine, named: str) -> None:
    """The API server answers with the KubeletConfiguration of the cluster, as text in JSON."""
    kubelet = json.dumps({"data": {"kubelet": f"apiVersion: v1\n{named}rotateCertificates: true\n"}})
    worker.write("/kubelet-config", kubelet)
    worker.stub(
        "curl",
        "while (($# > 1)); do [[ $1 != --output ]] || out=$2; shift; done\n"
        '[[ $1 != */kubelet-config ]] || cp "$ROOT/kubelet-config" "$out"; printf 200',
    )


@pytest.mark.parametrize("text", ["resolvConf: {}\n", 'resolvConf: "{}"\n'])
def test_a_node_without_the_name_servers_of_all_nodes_does_not_join(worker: Machine, text: str) -> None:
    """Up to 1.30 kubeadm names the file of systemd-resolved for all nodes where the first control plane has it."""
    cluster_names(worker, text.format(worker.path(RESOLVED)))
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 1
    assert (
        f"{NAMES_NONE} {worker.path(RESOLVED)}, which all nodes of this cluster use,\n  saw no such file"
        in finished.stderr
    )
    assert kubeadm_calls(worker) == []
    assert not worker.path(f"{STATE}/join-started").exists()
    worker.write(RESOLVED, "nameserver 192.0.2.53\n")
    assert worker.run("join", VALUES, DISCOVERY).status == 0


def test_a_node_whose_name_server_is_a_stub_does_not_join_a_cluster_of_1_30(worker: Machine) -> None:
    """Its kubelet reads what the first control plane reads; from 1.31 on kubeadm looks at each machine."""
    worker.write("/etc/resolv.conf", "nameserver 127.0.0.53\n")
    cluster_names(worker, "")
    finished = worker.run("join", VALUES | {"KUBERNETES_VERSION": "1.30.14"}, DISCOVERY)
    assert finished.status == 1
    assert NAMES_NONE in finished.stderr
    assert "saw 127.0.0.53, which in a pod is the pod itself" in finished.stderr
    assert worker.run("join", VALUES, DISCOVERY).status == 0


def test_a_cluster_whose_kubelets_read_no_name_servers_takes_each_node(worker: Machine) -> None:
    """The stack names none, by an empty text."""
    worker.write("/etc/resolv.conf", "nameserver 127.0.0.53\n")
    cluster_names(worker, 'resolvConf: ""\n')
    finished = worker.run("join", VALUES | {"KUBERNETES_VERSION": "1.30.14"}, DISCOVERY)
    assert NAMES_NONE not in finished.stderr
    assert "kubeadm join" in kubeadm_calls(worker)
