"""Certificates of the control plane: renewed by one setting, in time and when it is too late."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import cluster
from tests.e2e.conftest import STACK, Cluster, configure, machine_names
from tests.e2e.watching import node_names, until

FIRST = machine_names()[0]

SERIAL = "openssl x509 -noout -serial -in /etc/kubernetes/pki/apiserver.crt"
EXPIRE = Path(__file__).with_name("expire_certificates.sh")


def test_certificates_are_renewed_by_one_setting(live: Cluster) -> None:
    """The new kubeconfig works, and the API with it."""
    before, old = live.on(FIRST, SERIAL), live.kubeconfig.read_text()
    configure("set", "--path", "cluster.certificateGeneration", "1")
    cluster.bring_up(STACK, live.access)
    assert live.on(FIRST, SERIAL) != before
    assert live.kubeconfig.read_text() != old
    assert node_names(live) == machine_names()
    assert set(live.stack.output("certificateExpiry")) >= {"apiserver", "admin.conf", "ca", "etcd/server"}


def test_certificates_that_expired_are_renewed_by_the_same_setting(live: Cluster) -> None:
    """No part of the control plane trusts another one then, and the API answers nobody."""
    live.on(FIRST, EXPIRE.read_text())
    with pytest.raises(AssertionError):
        live.kubectl("get", "nodes")
    configure("set", "--path", "cluster.certificateGeneration", "2")
    cluster.bring_up(STACK, live.access)
    until(lambda: node_names(live) == machine_names(), seconds=120)
    live.stack.up(None, "--expect-no-changes")
