"""Pods of an add-on that the Pod Security level of their namespace refuses: told before an update waits for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.review.addons import refuse_wrong_addons
from components.settings.stack_file import SettingsError, parse_settings
from tests.unit.support.stacks import full

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "storage"}}


def workload(pod: dict[str, Any], kind: str = "DaemonSet", namespace: str = "storage", **spec: Any) -> dict[str, Any]:
    """A workload with a pod."""
    template = {"template": {"spec": pod}}
    if kind == "CronJob":
        template = {"jobTemplate": {"spec": template}}
    version = "batch/v1" if kind in {"CronJob", "Job"} else "apps/v1"
    metadata = {"name": "manager", "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {**spec, **template}}


def with_container(**fields: Any) -> dict[str, Any]:
    """A pod of one container."""
    return {"containers": [{"name": "a", "image": "quay.io/a/b:1", **fields}]}


def problems(directory: Path, *objects: dict[str, Any], **sections: Any) -> list[str]:
    """What is refused of an add-on with these objects."""
    (directory / "storage.yaml").write_text("\n---\n".join(map(json.dumps, (NAMESPACE, *objects))))
    addons = {"storage": {"manifest": str(directory / "storage.yaml")}}
    try:
        refuse_wrong_addons(parse_settings(full(directory) | {"addons": addons} | sections))
    except SettingsError as error:
        return error.problems
    return []


NEEDS: dict[str, dict[str, Any]] = {
    "hostNetwork": {"hostNetwork": True},
    "hostPID": {"hostPID": True},
    "hostPath": {"volumes": [{"name": "a", "hostPath": {"path": "/dev"}}]},
    "privileged": with_container(securityContext={"privileged": True}),
    "capability NET_RAW": with_container(securityContext={"capabilities": {"add": ["CHOWN", "NET_RAW"]}}),
    "hostPort": with_container(ports=[{"containerPort": 80, "hostPort": 80}]),
    "seccompProfile Unconfined": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "appArmorProfile Unconfined": with_container(securityContext={"appArmorProfile": {"type": "Unconfined"}}),
    "seLinuxOptions": with_container(securityContext={"seLinuxOptions": {"type": "spc_t"}}),
    "procMount": with_container(securityContext={"procMount": "Unmasked"}),
    "sysctl net.core.somaxconn": {
        "securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}, {"name": "net.ipv4.tcp_rmem"}]}
    },
}


@pytest.mark.parametrize("needs", NEEDS)
def test_pods_that_their_namespace_refuses_are_named_with_what_they_need(tmp_path: Path, needs: str) -> None:
    """As those of storage and of node exporters: their DaemonSet would be waited for, and none of its pods made."""
    found = problems(tmp_path, workload(NEEDS[needs]), workload(NEEDS[needs]) | {"kind": "StatefulSet"})
    (line,) = found
    assert line == (
        "addons.storage: pods that the level baseline of their namespace takes; set access.podSecurity.storage to"
        f" privileged, or change them, found DaemonSet:storage/manager with {needs}"
    )
    assert problems(tmp_path, workload(NEEDS[needs]), access={"podSecurity": {"storage": "privileged"}}) == []


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job", "CronJob", "ReplicaSet"])
def test_pods_of_each_kind_of_workload_are_looked_at(tmp_path: Path, kind: str) -> None:
    """A CronJob has its pod one level deeper."""
    assert len(problems(tmp_path, workload(NEEDS["hostPath"], kind))) == 1


@pytest.mark.parametrize(
    "taken",
    [
        workload(with_container(ports=[{"containerPort": 80, "hostPort": 0}])),
        workload(with_container(securityContext={"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}})),
        workload(with_container(securityContext={"procMount": "Unmasked"}) | {"hostUsers": False}),
        workload(with_container(securityContext={"seLinuxOptions": {"type": "container_t"}, "procMount": None})),
        workload(NEEDS["hostPath"], "Deployment", replicas=0),
        workload(NEEDS["hostPath"], namespace="kube-system"),
        workload(NEEDS["hostPath"], namespace="of-somebody-else"),
        workload(NEEDS["hostPath"]) | {"apiVersion": "apps.kruise.io/v1alpha1"},
    ],
)
def test_pods_that_are_taken_or_nobody_s_business_are_left_alone(tmp_path: Path, taken: dict[str, Any]) -> None:
    """The level `baseline` takes the former; namespaces of others have a level that the stack does not know."""
    assert problems(tmp_path, taken) == []


def test_the_level_of_a_manifest_counts(tmp_path: Path) -> None:
    """Its makers know what their pods need."""
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    labelled = {**NAMESPACE, "metadata": {"name": "other", "labels": labels}}
    assert problems(tmp_path, labelled, workload(NEEDS["hostPath"], namespace="other")) == []


HARDENED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
OF_POD = {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}


@pytest.mark.parametrize(
    ("pod", "lacks"),
    [
        ({"allowPrivilegeEscalation": None}, "allowPrivilegeEscalation that is not false"),
        ({"capabilities": {"drop": ["NET_RAW"]}}, "capabilities that are not dropped"),
        ({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, "capability CHOWN"),
        ({"runAsNonRoot": False}, "runAsNonRoot that is not true"),
        ({"runAsUser": 0}, "runAsUser 0"),
        ({"seccompProfile": {}}, "no seccompProfile"),
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}, "capability NET_RAW"),
    ],
)
def test_pods_that_restricted_refuses_are_named_with_what_they_lack(
    tmp_path: Path, pod: dict[str, Any], lacks: str
) -> None:
    """The level that would take them is named, too."""
    restricted = {"podSecurity": {"storage": "restricted"}}
    (line,) = problems(
        tmp_path, workload(with_container(securityContext=HARDENED | pod) | OF_POD, "Deployment"), access=restricted
    )
    level = "privileged" if "NET_RAW" in lacks else "baseline"
    assert f"set access.podSecurity.storage to {level}, or change them" in line
    assert line.startswith("addons.storage: pods that the level restricted of their namespace takes; ")
    assert lacks in line


def test_pods_that_restricted_takes_are_left_alone(tmp_path: Path) -> None:
    """A container has the profile of its pod, and a volume without a value is an empty directory."""
    restricted = {"podSecurity": {"storage": "restricted"}}
    pod = with_container(securityContext=HARDENED) | OF_POD | {"volumes": [{"name": "a", "emptyDir": None}]}
    assert problems(tmp_path, workload(pod, "Deployment"), access=restricted) == []
    nfs = pod | {"volumes": [{"name": "a", "nfs": {"server": "a", "path": "/"}}]}
    (line,) = problems(tmp_path, workload(nfs, "Deployment"), access=restricted)
    assert line.endswith("found Deployment:storage/manager with volume of nfs")
