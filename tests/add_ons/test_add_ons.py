"""Add-ons do what people have them for: figures, autoscaling, volumes, addresses, manifests and charts of a stack."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.manifest_sources import manifest_sources
from local import machines
from local.mirror import versions
from local.mirror.manifest import metallb_manifest
from problem import StepError
from tests.add_ons.machines import ADD_ONS, AddOnCluster, on_machine, soon
from tests.unit.support.charts import archive

METRICS = "v1beta1.metrics.k8s.io"
VOLUMES = "/var/lib/test-volumes"
LOCAL_PATH = {
    "enabled": True,
    "directory": VOLUMES,
    "image": "docker.io/rancher/local-path-provisioner:v0.0.30",
    "helperImage": "docker.io/shell-stand-in:1",
}
UTILIZATION = {"type": "Utilization", "averageUtilization": 50}
ADDRESS = f"{ADD_ONS.network}.200"


def pod_template(name: str, image: str, *command: str, **container: Any) -> dict[str, Any]:
    """Pods with one container, which end at once."""
    own = {"name": name, "image": image, "command": list(command)} if command else {"name": name, "image": image}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [{**own, **container}]}
    return {"metadata": {"labels": {"app": name}}, "spec": spec}


def deployment(name: str, template: dict[str, Any], replicas: int = 1) -> dict[str, Any]:
    """A Deployment of such pods."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def ready(live: AddOnCluster, name: str) -> int:
    """Number of ready pods of a Deployment."""
    return int(live.get("deployment", name)["status"].get("readyReplicas", 0))


def test_kubectl_top_has_figures_of_every_node_and_of_pods(live: AddOnCluster) -> None:
    """An update waited for the pod, which is ready when it has figures of kubelets that it believes."""
    live.kubectl("wait", "apiservice", METRICS, "--for", "condition=Available", "--timeout", "30s")
    nodes = soon(lambda: _all_nodes(live.kubectl("top", "nodes", "--no-headers")))
    assert nodes.keys() == ADD_ONS.machines.keys()
    assert all(figure.endswith("m") and figure != "0m" for figure in nodes.values()), nodes
    assert "calico-node" in live.kubectl("top", "pods", "--namespace", "kube-system", "--no-headers")


def _all_nodes(printed: str) -> dict[str, str]:
    figures = {line.split()[0]: line.split()[1] for line in printed.splitlines()}
    return figures if len(figures) == len(ADD_ONS.machines) and "<unknown>" not in printed else {}


def test_an_autoscaler_scales(live: AddOnCluster, say: Callable[[str], None]) -> None:
    """By the processor time that metrics-server has of the pods."""
    limits = {"requests": {"cpu": "50m"}, "limits": {"cpu": "100m"}}
    busy = pod_template("busy", live.image_with_shell, "sh", "-c", "while :; do :; done", resources=limits)
    target = {"type": "Resource", "resource": {"name": "cpu", "target": UTILIZATION}}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"}
    spec = {"scaleTargetRef": scaled, "minReplicas": 1, "maxReplicas": 2, "metrics": [target]}
    autoscaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "busy"}}
    began = time.monotonic()
    live.apply(deployment("busy", busy), {**autoscaler, "spec": spec})
    soon(lambda: ready(live, "busy") == 2, 240)
    say(f"scaled after {time.monotonic() - began:.0f} s")
    live.kubectl("delete", "horizontalpodautoscaler,deployment", "busy")


def test_a_claim_is_bound_and_its_data_survive_its_pod(live: AddOnCluster) -> None:
    """The claim names no class; the directory goes with the claim."""
    live.set(localPath=LOCAL_PATH)
    assert "add-on local-path: is applied" in live.plan()
    live.up()
    live.up("--expect-no-changes")
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": request}
    script = "if [ -e /data/first ]; then touch /data/again; else date >/data/first; fi; exec sleep 1d"
    mount = [{"name": "data", "mountPath": "/data"}]
    template = pod_template("writer", live.image_with_shell, "sh", "-c", script, volumeMounts=mount)
    template["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    live.apply(claim, deployment("writer", template))
    soon(lambda: ready(live, "writer"))
    live.kubectl("delete", "pod", "--selector", "app=writer")
    soon(lambda: live.kubectl("exec", "deployment/writer", "--", "ls", "/data").split() == ["again", "first"])
    (volume,) = live.get("persistentvolumes")["items"]
    node = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"][0]
    assert on_machine(node, f"ls {VOLUMES}/*/").split() == ["again", "first"]
    live.kubectl("delete", "deployment", "writer")
    live.kubectl("delete", "persistentvolumeclaim", "data")
    soon(lambda: not on_machine(node, f"ls {VOLUMES}"))


def answer() -> str:
    """What the address of the service answers to this host, a machine outside of the cluster."""
    command = ["curl", "--silent", "--show-error", "--max-time", "3", f"http://{ADDRESS}/"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def announcers(live: AddOnCluster) -> set[str]:
    """Nodes that say that they answer for the address; one that is cut off cannot take back what it said."""
    found = live.get("servicel2statuses", "--namespace", "metallb-system")["items"]
    return {each["metadata"]["labels"]["metallb.io/node"] for each in found}


def test_an_address_answers_from_outside_and_moves_when_its_node_is_cut_off(
    live: AddOnCluster, say: Callable[[str], None]
) -> None:
    """Some answers are lost until the cluster knows that the pods there are."""
    _, sha256 = manifest_sources("metallb")[versions.METALLB]
    manifest = {"manifestUrl": metallb_manifest().as_uri(), "manifestSha256": sha256}
    live.set(metallb={"addresses": [f"{ADDRESS}-{ADDRESS}"], **manifest})
    assert "add-on metallb: is applied" in live.plan()
    live.up()
    live.up("--expect-no-changes")
    spec = {"type": "LoadBalancer", "selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}, "spec": spec}
    template = pod_template("shop", live.image_of_probe)
    spread = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "shop"}}}
    template["spec"]["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [spread]}}
    live.apply(deployment("shop", template, replicas=2), service)
    assert soon(answer).startswith("shop-")
    assert live.get("service", "shop")["status"]["loadBalancer"]["ingress"][0]["ip"] == ADDRESS
    (before,) = soon(lambda: announcers(live))
    assert before != "node1", "kubeadm labels a control plane as one that serves no LoadBalancer"
    machines.cut_off(ADD_ONS, before)
    began = time.monotonic()
    try:
        (after,) = soon(lambda: announcers(live) - {before})
        assert soon(answer).startswith("shop-")
        say(f"from {before} to {after}: an answer after {time.monotonic() - began:.0f} s")
    finally:
        machines.reconnect(ADD_ONS, before)
    nodes = ("wait", "nodes", "--all", "--for", "condition=Ready", "--timeout", "170s")
    live.kubectl(*nodes)
    live.kubectl("delete", "service,deployment", "shop")


def test_an_add_on_of_the_stack_comes_changes_and_goes(live: AddOnCluster, tmp_path: Path) -> None:
    """A file and its checksum; another checksum is refused before anything is touched."""

    def wanted(replicas: int) -> dict[str, Any]:
        objects = deployment("own", pod_template("own", live.image_of_probe), replicas)
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(objects))
        sha256 = hashlib.sha256((tmp_path / "own.yaml").read_bytes()).hexdigest()
        return {"own": {"manifest": str(tmp_path / "own.yaml"), "sha256": sha256}}

    live.set(addons=wanted(1))
    assert "add-on own: is applied" in live.plan()
    live.up()
    assert ready(live, "own") == 1
    old = wanted(1)["own"]["sha256"]
    live.set(addons={"own": {**wanted(2)["own"], "sha256": old}})
    with pytest.raises(StepError, match=f"expected sha256 {old}"):
        live.up()
    live.set(addons=wanted(2))
    assert "add-on own: Deployment:own changes" in live.plan()
    live.up()
    assert ready(live, "own") == 2
    live.set(addons=None)
    assert "Deployment:own: no add-on has it any more; it is deleted" in live.plan()
    live.up()
    assert "own" not in live.kubectl("get", "deployments", "--output", "name")


def test_a_chart_comes_changes_by_its_values_and_goes(live: AddOnCluster, tmp_path: Path) -> None:
    """Values that its schema forbids are refused before anything is touched; what Helm keeps stays."""
    chart = archive(tmp_path)
    sha256 = hashlib.sha256(chart.read_bytes()).hexdigest()

    def wanted(**values: Any) -> dict[str, Any]:
        given = {"image": live.image_of_probe, **values}
        return {"shop": {"chart": {"archive": str(chart), "values": given}, "sha256": sha256}}

    live.set(addons=wanted())
    assert "add-on shop: is applied" in live.plan()
    live.up()
    live.up("--expect-no-changes")
    server = ("deployment", "shop-server", "--namespace", "shop")
    assert live.get(*server)["status"]["readyReplicas"] == 1
    assert live.get("pools.shop.example.com", "first")["metadata"].get("namespace") is None
    live.set(addons=wanted(replicas="two"))
    with pytest.raises(StepError, match="got string, want integer"):
        live.up()
    live.set(addons=wanted(replicas=2))
    assert "add-on shop: Deployment:shop/shop-server changes" in live.plan()
    live.up()
    assert live.get(*server)["status"]["readyReplicas"] == 2
    live.set(addons=None)
    assert "Deployment:shop/shop-server: no add-on has it any more; it is deleted" in live.plan()
    live.up()
    assert not live.get("deployments", "--namespace", "shop")["items"]
    live.get("configmap", "kept", "--namespace", "shop")
    live.get("customresourcedefinition", "pools.shop.example.com")


def test_built_in_add_ons_go_as_they_came(live: AddOnCluster) -> None:
    """With their namespaces; a namespace can be deleted, so no API is left that nobody serves."""
    live.set(metricsServer={"enabled": False}, localPath=None, metallb=None)
    plan = live.plan()
    assert all(f"add-on {name}: is removed" in plan for name in ("metrics-server", "local-path"))
    live.up()
    live.up("--expect-no-changes")
    assert METRICS not in live.kubectl("get", "apiservices", "--output", "name")
    found = live.kubectl("get", "namespaces", "--output", "name")
    assert not [name for name in ("local-path-storage", "metallb-system") if name in found]
    live.kubectl("create", "namespace", "brief")
    live.kubectl("delete", "namespace", "brief", "--timeout", "60s")
