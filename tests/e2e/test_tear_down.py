"""What `pulumi destroy` takes away: the last test of the cluster that the files before it share."""

from __future__ import annotations

from tests.e2e.conftest import Cluster, machine_names


def test_destroy_takes_the_objects_and_leaves_the_nodes(live: Cluster) -> None:
    """By default the machines are forgotten, not reset."""
    live.stack.destroy()
    assert "NotFound" in live.kubectl("get", "namespace", "kubernetes-dashboard", check=False)
    assert "NotFound" in live.kubectl("get", "secret", "robot-token", "--namespace=default", check=False)
    assert len(live.get("nodes")["items"]) == len(machine_names())
