"""Local machines get what this host's kernel and disk ask for, and no host gets what it does not need."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from components.settings.stack_file import parse_settings
from components.settings.versions import refuses_cgroup_v1
from local import host_exceptions
from local.cluster import DEV_STACK
from local.environment import Environment
from local.host_exceptions import Host, HostException, changed_sections, exceptions, this_host
from local.mirror.versions import RELEASES
from local.paths import REPOSITORY
from local.stack import LocalStack
from tests.e2e.cell import STACK_FILE
from tests.unit.support.stacks import smallest

FRIENDLY = Host(
    has_cgroup_v2=True,
    has_kernel_configuration=True,
    is_user_namespace=False,
    has_sys_resource=True,
    has_user_namespaces=True,
    free_share=0.6,
)
"""A laptop with room on its disk."""
UNFRIENDLY = Host(
    has_cgroup_v2=False,
    has_kernel_configuration=False,
    is_user_namespace=True,
    has_sys_resource=False,
    has_user_namespaces=False,
    free_share=0.1,
)
VERSION = "1.36.3"


def added(host: Host, file: dict[str, Any] | None = None) -> dict[str, Any]:
    """Sections of a stack file, with what a host adds to them."""
    read = {f"kubeadm:{key}": {"objectValue": value} for key, value in (file or {}).items()}
    changed = changed_sections(read, exceptions(host, VERSION), project="kubeadm")
    assert all(json.loads(each["value"]) == each["objectValue"] for each in changed.values())
    return {key.removeprefix("kubeadm:"): each["objectValue"] for key, each in changed.items()}


def test_a_friendly_host_gets_no_exception() -> None:
    """Whatever the version of Kubernetes."""
    for kubernetes in RELEASES:
        assert exceptions(FRIENDLY, kubernetes) == []


@pytest.mark.parametrize(
    ("what", "sections"),
    [
        (
            {"has_cgroup_v2": False},
            {
                "cluster": {
                    "ignorePreflightErrors": ["SystemVerification"],
                    "kubeletConfiguration": {"failCgroupV1": False},
                }
            },
        ),
        ({"has_kernel_configuration": False}, {"cluster": {"ignorePreflightErrors": ["SystemVerification"]}}),
        (
            {"has_sys_resource": False},
            {
                "containerd": {"restrictOomScoreAdj": True},
                "system": {"sysctl": {"user.max_user_namespaces": None}},
            },
        ),
        ({"has_user_namespaces": False}, {"system": {"sysctl": {"user.max_user_namespaces": None}}}),
        (
            {"is_user_namespace": True},
            {
                "cluster": {"kubeletConfiguration": {"featureGates": {"KubeletInUserNamespace": True}}},
                "containerd": {"restrictOomScoreAdj": True},
            },
        ),
        ({"free_share": 0.29}, {"cluster": {"kubeletConfiguration": host_exceptions.ABSOLUTE_THRESHOLDS}}),
    ],
)
def test_each_fact_of_a_host_adds_its_own_settings_only(what: dict[str, Any], sections: dict[str, Any]) -> None:
    """The program takes all of them."""
    host = replace(FRIENDLY, **what)
    assert added(host) == sections
    stack = smallest()
    parse_settings({**stack, **added(host, file=stack)})


@pytest.mark.parametrize("kubernetes", RELEASES)
def test_cgroup_v1_is_an_exception_from_the_version_on_that_refuses_it(kubernetes: str) -> None:
    """1.24.3 does not know the field, and runs there without one."""
    needed = exceptions(replace(FRIENDLY, has_cgroup_v2=False), kubernetes)
    assert [each.name for each in needed] == (["cgroup-v1"] if refuses_cgroup_v1(kubernetes) else [])


def test_what_the_stack_file_says_itself_stays() -> None:
    """Lists and mappings come together, and another value is the person's."""
    host = replace(
        FRIENDLY, has_cgroup_v2=False, has_kernel_configuration=False, has_sys_resource=False, free_share=0.1
    )
    file = {
        "cluster": {
            "name": "dev",
            "ignorePreflightErrors": ["NumCPU"],
            "kubeletConfiguration": {"maxPods": 50, "evictionHard": {"nodefs.available": "2Gi"}},
        },
        "containerd": {"package": "containerd.io", "restrictOomScoreAdj": False},
        "system": {"sysctl": {"vm.swappiness": 1}},
    }
    seen = added(host, file=file)
    assert seen["cluster"]["name"] == "dev"
    assert seen["cluster"]["ignorePreflightErrors"] == ["NumCPU", "SystemVerification"]
    kubelet = seen["cluster"]["kubeletConfiguration"]
    assert kubelet["maxPods"] == 50
    assert kubelet["evictionHard"]["nodefs.available"] == "2Gi"
    assert kubelet["evictionHard"]["imagefs.available"] == "1Gi"
    assert kubelet["failCgroupV1"] is False
    assert seen["containerd"] == {"package": "containerd.io", "restrictOomScoreAdj": False}
    assert seen["system"]["sysctl"] == {"vm.swappiness": 1, "user.max_user_namespaces": None}


def test_a_section_that_is_encrypted_is_left_to_the_program_which_refuses_it() -> None:
    """Pulumi prints no value of it."""
    needed = exceptions(replace(FRIENDLY, has_sys_resource=False), VERSION)
    changed = changed_sections({"kubeadm:containerd": {"secret": True}}, needed, project="kubeadm")
    assert list(changed) == ["kubeadm:system"]


def test_an_exception_stays_when_its_cause_has_gone() -> None:
    """A disk that is sometimes full would change every kubelet at each `make up`."""
    assert [each.name for each in exceptions(FRIENDLY, VERSION, frozenset({"disk"}))] == ["disk"]


def test_a_line_says_what_is_added_and_why() -> None:
    """With the path of the setting, and its value."""
    needed = exceptions(replace(FRIENDLY, has_cgroup_v2=False, has_sys_resource=False), VERSION)
    cgroups, memory, sysctl = map(str, needed)
    assert cgroups.startswith('  Added to the stack: cluster.ignorePreflightErrors: ["SystemVerification"], cluster')
    assert cgroups.endswith(".failCgroupV1: false; this host has cgroup v1, which kubeadm and kubelet 1.36.3 refuse.")
    assert "containerd.restrictOomScoreAdj: true; without CAP_SYS_RESOURCE, which root of this host lacks" in memory
    assert 'system.sysctl["user.max_user_namespaces"]: null; root of this host lacks CAP_SYS_RESOURCE' in sysctl


def host_in(directory: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> Host:
    """What a host is whose /proc and /sys have these files."""
    for path, content in {
        "proc/self/status": "Name:\tpython3\nCapBnd:\t000001ffffffffff\n",
        "proc/self/uid_map": "         0          0 4294967295\n",
        **{path.replace("__", "/"): content for path, content in files.items()},
    }.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(content)
    monkeypatch.setattr(host_exceptions, "storage", lambda: directory)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=100, free=60))
    return this_host(directory)


def test_a_friendly_host_is_seen_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cgroup v2, all capabilities, a kernel that tells its configuration."""
    for path in ("sys/fs/cgroup/cgroup.controllers", "proc/config.gz", "proc/sys/user/max_user_namespaces"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert host_in(tmp_path, monkeypatch) == FRIENDLY


def test_a_host_that_lacks_all_of_it_is_seen_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a container on a host with hybrid cgroups, where cgroup v2 is mounted below cgroup v1."""
    files = {
        "sys__fs__cgroup__unified__cgroup.controllers": "",
        "proc__self__status": "CapBnd:\t000001fffeffffff\n",
        "proc__self__uid_map": "0 100000 65536\n",
    }
    assert host_in(tmp_path, monkeypatch, **files) == replace(UNFRIENDLY, free_share=0.6)


@pytest.mark.parametrize("path", [REPOSITORY / "Pulumi.dev.yaml", STACK_FILE], ids=lambda path: path.name)
def test_a_committed_stack_file_of_local_machines_has_no_exception(path: Path) -> None:
    """On a host that needs none the cluster is one as others have it."""
    config = yaml.safe_load(path.read_text())["config"]
    every: list[HostException] = exceptions(UNFRIENDLY, VERSION)
    assert len(every) == 6
    for exception in every:
        for section, settings in exception.settings.items():
            assert not settings.keys() & config.get(f"kubeadm:{section}", {}).keys(), exception.name


def test_the_stack_file_gets_the_exceptions_and_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi prints the file, and gets back what changes; a disk with room again changes nothing."""
    commands: list[tuple[str, ...]] = []

    def pulumi(_: LocalStack, *arguments: str, **__: str) -> str:
        commands.append(arguments)
        return json.dumps({"kubeadm:cluster": {"objectValue": {"name": "dev"}}}) if "--json" in arguments else ""

    monkeypatch.setattr(Environment, "directory", tmp_path)
    monkeypatch.setattr(LocalStack, "pulumi", pulumi)
    monkeypatch.setattr(LocalStack, "exists", lambda _: True)
    monkeypatch.setattr(host_exceptions, "this_host", lambda: replace(FRIENDLY, free_share=0.1))
    DEV_STACK.configure(None)
    assert [command[:2] for command in commands] == [("config", "set-all"), ("config", "--json"), ("config", "set-all")]
    sections = json.loads(commands[2][3])
    assert sections["kubeadm:cluster"]["objectValue"] == {
        "name": "dev",
        "kubeletConfiguration": host_exceptions.ABSOLUTE_THRESHOLDS,
    }
    monkeypatch.setattr(host_exceptions, "this_host", lambda: FRIENDLY)
    DEV_STACK.configure(None)
    assert len(commands) == 3
