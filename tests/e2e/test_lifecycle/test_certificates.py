"""Certificates of the control plane and of the stack's user: renewed, revoked, and replaced when it is too late."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.steps.of_control_plane import PROVIDER
from local import cluster
from tests.e2e.conftest import E2E, STACK, Cluster, configure, machine_names, operation
from tests.e2e.watching import node_names, until

FIRST = machine_names()[0]

SERIAL = "openssl x509 -noout -serial -in /etc/kubernetes/pki/apiserver.crt"
EXPIRE = Path(__file__).with_name("expire_certificates.sh")


def test_certificates_are_renewed_by_one_setting(live: Cluster, tmp_path: Path) -> None:
    """The new kubeconfig works, and the API with it; the one before is revoked."""
    before, old = live.on(FIRST, SERIAL), live.kubeconfig.read_text()
    configure("set", "--path", "cluster.certificateGeneration", "1")
    cluster.bring_up(STACK, live.access)
    assert live.on(FIRST, SERIAL) != before
    assert node_names(live) == machine_names()
    assert "Forbidden" in with_kubeconfig(live, old, tmp_path)
    assert set(live.stack.output("certificateExpiry")) >= {"apiserver", "admin.conf", "ca", "etcd/server"}


def test_a_revoked_kubeconfig_is_replaced_by_one_command(live: Cluster, tmp_path: Path) -> None:
    """Whoever has a copy gets nothing any more, also when the stack has rights again; every object stays."""
    stolen = live.kubeconfig.read_text()
    uids = {each["metadata"]["uid"] for each in live.get("namespaces")["items"]}
    live.on(FIRST, f"kubectl --kubeconfig /etc/kubernetes/admin.conf delete clusterrolebinding {PROVIDER}")
    until(lambda: "Forbidden" in with_kubeconfig(live, stolen, tmp_path), seconds=10)
    code, output = operation("status", E2E.name)
    assert (code, output.count(f"ClusterRoleBinding {PROVIDER} names")) == (1, 1), output
    live.stack.up(None, "--replace", "**/kubeconfig")
    cluster.keep_kubeconfig(STACK)
    assert {each["metadata"]["uid"] for each in live.get("namespaces")["items"]} == uids
    assert "Forbidden" in with_kubeconfig(live, stolen, tmp_path)
    live.stack.up(None, "--expect-no-changes")


def with_kubeconfig(live: Cluster, content: str, directory: Path) -> str:
    """What the cluster answers to whoever has this kubeconfig."""
    file = directory / "kubeconfig"
    file.write_text(content)
    return live.kubectl("get", "nodes", "--kubeconfig", str(file), check=False)


def test_certificates_that_expired_are_renewed_by_the_same_setting(live: Cluster) -> None:
    """No part of the control plane trusts another one then, and the API answers nobody."""
    live.on(FIRST, EXPIRE.read_text())
    with pytest.raises(AssertionError):
        live.kubectl("get", "nodes")
    configure("set", "--path", "cluster.certificateGeneration", "2")
    cluster.bring_up(STACK, live.access)
    until(lambda: node_names(live) == machine_names(), seconds=120)
    live.stack.up(None, "--expect-no-changes")
