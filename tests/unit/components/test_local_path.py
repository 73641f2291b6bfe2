"""local-path: volumes on the disks of nodes, where a stack asks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.addons import addons_of, manifests
from components.addons.local_path import LOCAL_PATH, NAMESPACE
from components.objects.namespaces import namespaces
from components.settings.stack_file import parse_settings
from operations.images._image_list import StackImage, stack_images
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import Stack, full, only_problem, smallest

HELPER = "docker.io/library/busybox:1.37.0"
PROVISIONER = "docker.io/rancher/local-path-provisioner:v0.0.37"


def asking(stack: Stack, **values: Any) -> Stack:
    """The stack with local-path."""
    return stack | {"localPath": {"enabled": True, **values}}


def only(kind: str, stack: Stack) -> Any:
    """The object of a kind."""
    (found,) = [each for each in LOCAL_PATH.objects(parse_settings(stack)) if each["kind"] == kind]
    return found


def test_a_stack_has_it_when_it_asks_for_it(tmp_path: Path) -> None:
    """A claim without a class waits for ever before."""
    assert LOCAL_PATH not in addons_of(parse_settings(smallest()))
    before, after = (state_of(record(each(stack_of(tmp_path)), preview=False)) for each in (dict, asking))
    assert planned(asking(stack_of(tmp_path)), before) == [
        "add-on local-path: is applied",
        f"namespace {NAMESPACE}: is created",
    ]
    assert planned(stack_of(tmp_path), after) == [
        "add-on local-path: is removed",
        f"namespace {NAMESPACE}: is deleted, with every object in it",
    ]


@pytest.mark.parametrize("default", [True, False])
def test_its_class_is_the_default_one_unless_a_stack_says_no(*, default: bool) -> None:
    """A second default class would be the one that was made last."""
    annotations = only("StorageClass", asking(smallest(), defaultClass=default))["metadata"]["annotations"]
    assert annotations == {"storageclass.kubernetes.io/is-default-class": str(default).lower()}


def test_volumes_lie_in_the_directory_of_the_stack() -> None:
    """Of every node."""
    data = only("ConfigMap", asking(smallest(), directory="/srv/volumes"))["data"]
    assert [each["paths"] for each in json.loads(data["config.json"])["nodePathMap"]] == [["/srv/volumes"]]


def test_its_images_are_listed_and_rewritten_that_of_the_helper_pod_too(tmp_path: Path) -> None:
    """The helper pod is a text in a ConfigMap."""
    parsed = parse_settings(asking(full(tmp_path)))
    hub = "hub.example.com/docker"
    for image in (HELPER, PROVISIONER):
        assert StackImage(image, image.replace("docker.io", hub)) in stack_images(parsed)
    stack = asking(full(tmp_path))
    helper = yaml.safe_load(only("ConfigMap", stack)["data"]["helperPod.yaml"])
    assert [each["image"] for each in manifests.containers(helper)] == [HELPER.replace("docker.io", hub)]
    (container,) = manifests.containers(only("Deployment", stack))
    assert container["image"] == PROVISIONER.replace("docker.io", hub)


def test_its_helper_pod_is_one_that_the_provisioner_takes() -> None:
    """From 0.0.36 on it refuses a template with volumes, an account, root by name, or further rights."""
    spec = yaml.safe_load(only("ConfigMap", asking(smallest()))["data"]["helperPod.yaml"])["spec"]
    assert not spec.keys() & {"volumes", "serviceAccountName", "initContainers", "hostNetwork", "nodeName"}
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert not container["securityContext"].keys() & {"runAsUser", "runAsGroup", "privileged"}


def test_only_its_own_namespace_is_privileged() -> None:
    """The helper pods mount the directory of the host."""
    (found,) = [each for each in namespaces(parse_settings(asking(smallest()))) if each.name == NAMESPACE]
    assert found.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


@pytest.mark.parametrize("directory", ["/tmp/volumes", "/etc", "/var/lib/etcd/volumes", "/run/x"])
def test_a_directory_that_a_boot_empties_or_others_have_is_refused(directory: str) -> None:
    """Before anything is touched."""
    problem = only_problem(asking(smallest(), directory=directory))
    assert problem.startswith("localPath.directory: a directory for volumes outside of ")
    assert "expected the absolute path" in only_problem(asking(smallest(), directory="volumes"))
