"""No edit of a setting is silent: the plan has a line for it, or it is refused, or the edit changes nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.steps.last_update import LastUpdate
from tests.unit.components.test_metallb import MANIFEST
from tests.unit.support.every_setting import (
    edited,
    in_the_reference,
    settings_of_the_reference,
    stack_with_every_section,
)
from tests.unit.support.planning import impossible, planned, state_of
from tests.unit.support.recording import Recording, record
from tests.unit.support.stacks import KEY, Stack, problems

pytestmark = pytest.mark.usefixtures("stand_in_of_helm")

NOTHING = ["nothing is done to any node"]
REPOSITORY = {
    "url": "https://apt.example.com/c",
    "suite": "test",
    "components": ["extra"],
    "keyring": "https://apt.example.com/z.asc",
    "fingerprint": "B" * 40,
    "caFile": Path("other.crt"),
}
EDITS: dict[str, dict[str, Any]] = {
    "cluster": {
        "kubernetesVersion": "1.37.1",
        "vip/address": "192.0.2.101",
        "vip/routerId": 52,
        "controlPlaneTaints/0/key": "other",
        "controlPlaneTaints/0/value": "b",
        "controlPlaneTaints/0/effect": "NoExecute",
        "certificateGeneration": 1,
        "ignorePreflightErrors": ["Mem"],
        "audit/policyFile": Path("policy.yaml"),
        "audit/maxAge": 6,
        "audit/maxBackup": 6,
        "audit/maxSize": 6,
        "encryption/enabled": False,
        "clusterConfiguration": {"scheduler": {"extraArgs": [{"name": "v", "value": "4"}]}},
        "kubeletConfiguration": {"maxPods": 50},
        "kubeProxyConfiguration": {"metricsBindAddress": "127.0.0.1"},
    },
    "backup": {"everyHours": 2, "keep": 9, "directory": "/srv/bundles", "recipient": None},
    "hosts/node4": {
        "user": "eve",
        "port": 23,
        "hostKey": f"{KEY}99",
        "labels": {"zone": "b"},
        "taints/0/key": "other",
        "taints/0/value": "b",
        "taints/0/effect": "NoExecute",
        "sysctl": {"vm.overcommit_memory": 2},
        "gone": True,
    },
    "ssh": {
        "user": "eve",
        "port": 23,
        "privateKeyFile": Path("other.key"),
        "bastion/address": "other.example.com",
        "bastion/hostKey": f"{KEY}78",
        "bastion/user": "eve",
        "bastion/port": 23,
        "dialErrorLimit": 9,
        "perDialTimeout": 6,
    },
    "packages/repository": REPOSITORY,
    "containerd/repository": REPOSITORY,
    "containerd": {
        "package": "containerd.io",
        "pauseImage": "hub.example.com/pause:3.9",
        "registries/hub.example.com/caFile": Path("other.crt"),
        "registries/hub.example.com/username": "eve",
        "registries/hub.example.com/passwordKey": "otherPassword",
        "registries/docker.io/mirrors": ["https://other.example.com"],
        "restrictOomScoreAdj": True,
    },
    "images": {"rewrite": {"registry.k8s.io": "hub.example.com/other"}, "pullSecretNamespaces": ["shop", "web"]},
    "proxy": {
        "http": "http://proxy.example.com:3128",
        "https": "http://proxy.example.com:3128",
        "noProxy": [".example.com"],
    },
    "calico": {"vxlanMode": "CrossSubnet", "mtu": 1400, "ipAutodetectionMethod": "first-found"},
    "dashboard": {
        "kind": "headlamp",
        "nodePort": 30010,
        "image": "docker.io/x/y:1",
        "metricsScraperImage": "docker.io/x/y:1",
        "metricsScraperHostNetwork": True,
    },
    "metricsServer": {"enabled": False, "image": "docker.io/x/y:1", "hostNetwork": True},
    "localPath": {
        "enabled": False,
        "directory": "/srv/volumes",
        "defaultClass": False,
        "image": "docker.io/x/y:1",
        "helperImage": "docker.io/x/y:1",
    },
    "metallb": {"addresses": ["192.0.2.200-192.0.2.221"]},
    "addons": {
        "own/manifest": Path("other-own.yaml"),
        "own/namespace": "other",
        "db/chart/namespace": "other",
        "db/chart/values": {"replicas": 2},
        "db/images": [],
    },
    "access/serviceAccounts/0": {
        "name": "other",
        "namespace": "other",
        "clusterRole": "edit",
        "namespaceRoles": {"shop": "view"},
        "longLivedToken": True,
    },
    "access/roles/0": {
        "name": "other",
        "namespace": "other",
        "rules/0/apiGroups": ["apps"],
        "rules/0/resources": ["secrets"],
        "rules/0/resourceNames": ["b"],
        "rules/0/verbs": ["list"],
        "users": ["eve"],
        "groups": ["eve"],
        "serviceAccounts": ["ci/robot"],
    },
    "access/roles/1": {"rules/0/nonResourceURLs": ["/healthz"]},
    "access": {"podSecurity": {"shop": "restricted"}},
    "system": {
        "sysctl": {"vm.swappiness": 1},
        "modules": ["dm_crypt"],
        "defaultTimeoutStopSec": 6,
        "minimumFreeDiskMib": 5000,
        "minimumMemoryMib": 1800,
    },
    "policy": {"drainTimeoutSeconds": 10, "resetOnFailure": True, "resetOnDestroy": True},
}
REFUSED: dict[str, dict[str, Any]] = {
    "cluster": {
        "name": "other",
        "id": "0123456789abcdef",
        "networking/podSubnet": "10.200.0.0/16",
        "networking/serviceSubnet": "10.201.0.0/16",
        "networking/dnsDomain": "other.local",
        "controlPlaneEndpoint": "api.example.com:6443",
        "loadBalancer": "external",
        "encryption/keys/0/name": "other",
    },
    "hosts/node4": {"address": "192.0.2.44", "nodeIp": "198.51.100.4", "role": "control-plane"},
}
"""Edits that a running cluster cannot follow, or that need another edit beside them: the refusal names them."""
SILENT: dict[str, dict[str, Any]] = {
    "cluster": {"encryption/keys/0/secret": "otherKey"},  # another name for the same key
    "ssh": {"knownHostsFile": Path("known_hosts")},  # each host has its hostKey
    "packages/repository": {"passwordKey": "repositoryPassword"},
    "containerd/repository": {"passwordKey": "repositoryPassword"},  # no other name: apt has one login for a server
    "calico": {"version": "3.31.0", "manifestUrl": Path("other-calico.yaml")},  # the manifest is the cached one
    "metallb": {"manifestUrl": Path("other-metallb.yaml")},  # likewise: its checksum stayed
    "policy": {"maxUnavailable": 2},  # for the next upgrade
}
"""Edits after which no resource of the cluster is another one."""
OF_ONE_SOURCE = {
    "addons/NAME/sha256",
    "addons/NAME/chart/archive",
    "addons/NAME/chart/repository",
    "addons/NAME/chart/name",
    "addons/NAME/chart/version",
    "calico/manifestSha256",
    "metallb/manifestSha256",
    "packages/repository/username",
    "containerd/repository/username",
}
"""Settings that are edited with another setting: a checksum with what it is of, a user with that of the server."""


def paths(edits: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The edits by the whole path of their settings."""
    return {f"{section}/{name}": value for section, settings in edits.items() for name, value in settings.items()}


@pytest.fixture(scope="module")
def run(directory: Path) -> Recording:
    """An update with each section."""
    return record(stack_with_every_section(directory, MANIFEST), preview=False)


@pytest.fixture(scope="module")
def last(run: Recording) -> LastUpdate:
    """The state that it left."""
    return state_of(run)


def after(directory: Path, path: str, value: Any) -> Stack:
    """The stack file with another value of one setting."""
    stack = stack_with_every_section(directory, MANIFEST)
    if isinstance(value, Path):
        value = (directory / value).as_uri() if path.endswith("Url") else str(directory / value)
    edited(stack, path, value)
    return stack


def test_every_setting_is_edited() -> None:
    """A new setting needs an edit here, with a line of the plan."""
    named = {in_the_reference(path) for edits in (EDITS, REFUSED, SILENT) for path in paths(edits)}
    assert named | OF_ONE_SOURCE == set(settings_of_the_reference())
    assert not named & OF_ONE_SOURCE


def test_a_stack_file_that_stays_has_no_line(directory: Path, last: LastUpdate) -> None:
    """Otherwise the lines of the edits would prove nothing."""
    assert planned(stack_with_every_section(directory, MANIFEST), last) == NOTHING


def test_what_an_earlier_version_did_not_record_is_no_edit(directory: Path, last: LastUpdate) -> None:
    """Such as the checks that the stack ignores, which 0.2.0 sent to the control plane alone."""
    text = "export IGNORE_PREFLIGHT_ERRORS="
    steps = {key: replace(step, stdin=re.sub(f"{text}.*\n", "", step.stdin)) for key, step in last.steps.items()}
    assert steps != last.steps
    plan = planned(stack_with_every_section(directory, MANIFEST), replace(last, steps=steps))
    assert not [line for line in plan if "cluster.ignorePreflightErrors" in line]


@pytest.mark.parametrize("path", paths(EDITS))
def test_an_edit_has_a_line_of_the_plan(directory: Path, last: LastUpdate, path: str) -> None:
    """Beside the line on steps that run again."""
    stack = after(directory, path, paths(EDITS)[path])
    assert problems(stack) == []
    assert impossible(stack, last) == []
    lines = [line for line in planned(stack, last) if "preparation runs again, no file changes" not in line]
    assert lines not in ([], NOTHING)


@pytest.mark.parametrize("path", paths(REFUSED))
def test_an_edit_that_is_refused_is_named(directory: Path, last: LastUpdate, path: str) -> None:
    """By the path of its setting, or of the one that contradicts it."""
    stack = after(directory, path, paths(REFUSED)[path])
    reasons = problems(stack) or impossible(stack, last)
    assert [reason for reason in reasons if reason.startswith(path.partition("/")[0])], reasons


@pytest.mark.parametrize("path", paths(SILENT))
def test_an_edit_without_a_line_changes_nothing(directory: Path, run: Recording, last: LastUpdate, path: str) -> None:
    """No resource: the update is empty, too."""
    stack = after(directory, path, paths(SILENT)[path])
    assert planned(stack, last) == NOTHING
    assert record(stack, preview=False, before=run).changed_since(run) == set()


@pytest.mark.parametrize("setting", ["privateKeyFile", "bastion/address", "dialErrorLimit"])
def test_steps_that_run_again_over_another_connection_are_named(
    directory: Path, run: Recording, last: LastUpdate, setting: str
) -> None:
    """Each of them, and no other."""
    stack = after(directory, f"ssh/{setting}", EDITS["ssh"][setting])
    named = set()
    for line in planned(stack, last):
        hosts, _, rest = line.partition(": ")
        steps = rest.partition(": ")[2].partition(" run")[0]
        named |= {f"{host}/{step}" for host in hosts.split(", ") for step in steps.split(", ")}
    assert named == record(stack, preview=False, before=run).changed_since(run)
