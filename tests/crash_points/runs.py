"""Texts that the program and its operations send to a machine: steps before and after edits, and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.host_files import File, kubeadm
from components.host_files.containerd import credential_files
from components.settings import Settings
from components.settings.stack_file import parse_settings
from components.steps.last_update import LastUpdate
from components.steps.scripts import install_scripts
from components.steps.stdin import rerun_as
from components.steps.step import Step, StepName
from components.steps.wanted import wanted_steps
from operations.hosts.pod_network import CALICO_ANNOTATIONS
from tests.crash_points.world import Run
from tests.unit.support.stacks import with_workers

IDENTITY = "0123456789abcdef"
AUTHORITY = "certificate\n"
TOKEN = "abcdef.0123456789abcdef"  # noqa: S105 (of no cluster)
JOIN_FILES = [File(kubeadm.INVITATION_PATH, TOKEN, "0600"), File(kubeadm.JOIN_AUTHORITY_PATH, AUTHORITY)]
INVITATION = [File(kubeadm.INVITATION_PATH, f"{TOKEN}\nc0ffee\n192.0.2.11\n", "0600"), JOIN_FILES[1]]
REGISTRY = "hub.example.com"
Steps = dict[tuple[str, StepName], Step]
Encryption = Mapping[str, Any]


def settings(edited: bool, version: str, role: str = "worker", encryption: Encryption | None = None) -> Settings:
    """The settings of a stack, before or after an edit of everything that a running cluster takes."""
    stack: dict[str, Any] = with_workers("node2", version=version)
    stack["hosts"]["node2"]["role"] = role
    stack["policy"] = {"resetOnFailure": True}
    if encryption:
        stack["cluster"]["encryption"] = encryption
    stack["containerd"] = {"package": "containerd", "registries": {REGISTRY: {"username": "robot"}}}
    if edited:
        stack["cluster"] |= {
            "certificateGeneration": 1,
            "controlPlaneTaints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
            "clusterConfiguration": {"apiServer": {"timeoutForControlPlane": "5m0s"}},
            "kubeletConfiguration": {"maxPods": 99},
            "kubeProxyConfiguration": {"metricsBindAddress": "0.0.0.0:10249"},
        }
        stack["calico"] = {"vxlanMode": "CrossSubnet"}
        stack["system"] = {"sysctl": {"vm.swappiness": 1}}
        stack["hosts"]["node2"]["taints"] = [{"key": "shop", "value": "yes", "effect": "NoSchedule"}]
    return parse_settings(stack)


def steps(
    *, edited: bool = False, version: str = "1.36.3", role: str = "worker", encryption: Encryption | None = None
) -> Steps:
    """Each wanted step, with the shared files among its own files, because no hook brings shared files here."""
    images = ["docker.io/shop/web:1"]
    stack = settings(edited, version, role, encryption)
    wanted = wanted_steps(stack, LastUpdate(), images, IDENTITY, "certificate")
    return {
        key: replace(step, files=[*step.shared_files, *step.files], shared_files=[]) for key, step in wanted.items()
    }


OLD, EDITED, NEWER = steps(), steps(edited=True), steps(version="1.36.4")
SEVERAL = steps(role="control-plane")
"""Steps of a stack in which node2 is a control plane, too."""


def sent(wanted: Steps, host: str, name: StepName, mode: str = "create") -> Run:
    """The text that the program sends for a step."""
    files = INVITATION if wanted is SEVERAL else JOIN_FILES
    return Run(wanted[host, name].text(files if name is StepName.JOIN else ()), mode)


def pulled(wanted: Steps, host: str, password: str = "first") -> Run:  # noqa: S107 (of no registry)
    """The step that gives a host the password of its registry, for each containerd there is."""
    files = credential_files(settings(edited=False, version="1.24.3"), {REGISTRY: password})
    return Run(wanted[host, StepName.IMAGES].text(files))


def prepared(wanted: Steps, host: str) -> tuple[Run, Run]:
    """The steps of a host that is no node yet."""
    return sent(wanted, host, StepName.PREPARE), pulled(wanted, host)


def reclaimed(host: str) -> Run:
    """The script of `make repair` that writes lost marks of the owner again."""
    values = {"CLUSTER_AUTHORITY": AUTHORITY, "CONTROL_PLANE_VERSION": ""}
    return Run(rerun_as(OLD[host, StepName.PREPARE].text(), "reclaim", values=values))


def repaired(host: str, *more: Run) -> tuple[Run, ...]:
    """The texts that `make repair` sends to the machine of a host, with the recorded inputs of the last update."""
    return (reclaimed(host), *prepared(OLD, host), *more)


def reached(node: str) -> Run:
    """The last script of `make repair`, on the control plane."""
    values = {"NODE_NAME": node, "CALICO_ANNOTATIONS": "\n".join(CALICO_ANNOTATIONS)}
    return Run(rerun_as(OLD["node1", StepName.PREPARE].text(), "pod_network", values=values))


LIBRARY = "/var/lib/scripts"
"""Directory of installed scripts that is compared, unlike that of the scripts that every scenario runs."""
OLDER = "0" * 64
OLDER_SCRIPTS = f"mkdir -p {LIBRARY}/{OLDER}; echo older >{LIBRARY}/run.sh; ln -s {OLDER} {LIBRARY}/current\n"


def installed() -> Run:
    """The text that brings the scripts and a shared file to a host."""
    return Run(install_scripts(LIBRARY, IDENTITY, [File("/etc/example", "shared\n")]))


def saved() -> Run:
    """The script that the timer of snapshots runs."""
    return Run(rerun_as(OLD["node1", StepName.PREPARE].text(), "snapshot"))
