"""Calico and the dashboard are upgraded by settings of their own."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from local.mirror import registry, versions
from local.mirror.images import DOCKER_PREFIX
from local.mirror.manifest import manifest_file
from tests.e2e.conftest import Cluster, configure, machine_names, setting
from tests.e2e.watching import previewed

CALICO = versions.release(versions.KUBERNETES).calico
TAG = f"v{CALICO.version}"
DASHBOARD = "dashboard-stand-in"
AGAIN = "-again"
FIRST, SECOND, THIRD = machine_names()


@contextmanager
def tagged_again(repository: str, tag: str) -> Iterator[None]:
    """An image of the mirror has a second tag, for a while."""
    tags = registry.V2 / "repositories" / repository / "_manifests" / "tags"
    shutil.copytree(tags / tag, tags / f"{tag}{AGAIN}", dirs_exist_ok=True)
    try:
        yield
    finally:
        shutil.rmtree(tags / f"{tag}{AGAIN}")


def images_of(live: Cluster, namespace: str, selector: str) -> set[str]:
    """Tags of the images that pods run; those that end are left out."""
    found = live.get(f"--namespace={namespace}", "pods", f"--selector={selector}")["items"]
    pods = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return {container["image"].rpartition(":")[2] for pod in pods for container in pod["spec"]["containers"]}


def test_calico_and_dashboard_are_upgraded_by_their_own_settings(live: Cluster, tmp_path: Path) -> None:
    """The mirror has one version of each, here under another tag: what is seen is the way that an update takes."""
    manifest = manifest_file(CALICO).read_bytes().replace(f":{TAG}".encode(), f":{TAG}{AGAIN}".encode())
    (tmp_path / "calico.yaml").write_bytes(manifest)
    with ExitStack() as for_a_while:
        for name in ("node", "cni", "kube-controllers"):
            for_a_while.enter_context(tagged_again(f"{CALICO.prefix}/calico/{name}", TAG))
        for_a_while.enter_context(tagged_again(f"{DOCKER_PREFIX}/{DASHBOARD}", versions.STAND_IN))
        with setting("calico.manifestUrl", (tmp_path / "calico.yaml").as_uri()):
            configure("set", "--path", "calico.manifestSha256", hashlib.sha256(manifest).hexdigest())
            configure("set", "--path", "dashboard.image", f"docker.io/{DASHBOARD}:{versions.STAND_IN}{AGAIN}")
            plan = previewed().plan
            live.stack.up()
            live.stack.up(None, "--expect-no-changes")
        assert f"{THIRD}: pulls " in plan
        assert "every node: calico-node restarts, one node after the other" in plan
        assert images_of(live, "kube-system", "k8s-app=calico-node") == {f"{TAG}{AGAIN}"}
        assert images_of(live, "kubernetes-dashboard", "app=kubernetes-dashboard") == {f"{versions.STAND_IN}{AGAIN}"}
        live.stack.up()
    assert images_of(live, "kube-system", "k8s-app=calico-node") == {TAG}
