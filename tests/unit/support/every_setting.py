"""A stack file with each section, and an edit of every setting that a stack file has."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.paths import REPOSITORY
from tests.unit.support.charts import HELPER, archive
from tests.unit.support.recording import stack_of
from tests.unit.support.stacks import CA, CALICO_MANIFEST, KEY, Stack

NAMES = ("hosts", "registries", "addons")
"""Settings whose keys are names that a user chooses."""
OWN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own, namespace: shop}\ndata: {number: '1'}\n"
FILES = {
    "other.crt": CA.replace("MIIB", "MIIC"),
    "other.key": "another private key",
    "other-calico.yaml": CALICO_MANIFEST.replace("1440", "1430"),
    "own.yaml": OWN,
    "other-own.yaml": OWN.replace("'1'", "'2'"),
    "policy.yaml": "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n",
    "known_hosts": f"192.0.2.14 {KEY}99\n",
}
REPOSITORY_OF_PACKAGES = {
    "suite": "stable",
    "components": ["main"],
    "keyring": "https://apt.example.com/a.asc",
    "fingerprint": "A" * 40,
    "username": "robot",
}
ROLES: list[Stack] = [
    {
        "name": "deployer",
        "namespace": "shop",
        "rules": [{"resources": ["pods"], "verbs": ["get"], "resourceNames": ["a"]}],
        "users": ["ann"],
    },
    {"name": "scraper", "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}], "groups": ["team"]},
]


def stack_with_every_section(directory: Path, metallb: str) -> Stack:
    """Three control planes and a worker, with each section, and with the files that the edits name.

    Args:
        directory: of the files.
        metallb: a manifest of MetalLB.
    """
    for name, text in {**FILES, "metallb.yaml": metallb, "other-metallb.yaml": f"{metallb}# another\n"}.items():
        (directory / name).write_text(text)
    stack = stack_of(directory, "node2", "node3", "node4")
    for name in ("node2", "node3"):
        stack["hosts"][name]["role"] = "control-plane"
    taint = {"key": "gpu", "value": "a", "effect": "NoSchedule"}
    stack["hosts"]["node4"] |= {"labels": {"zone": "a"}, "taints": [taint], "sysctl": {"vm.overcommit_memory": 1}}
    stack["cluster"] |= {"audit": {}, "vip": {"address": "192.0.2.100"}, "controlPlaneTaints": [dict(taint)]}
    stack["cluster"]["encryption"] = {"keys": [{"name": "key1", "secret": "etcdKey1"}]}
    stack["ssh"]["bastion"] = {"address": "bastion.example.com", "hostKey": f"{KEY}77"}
    for section, path in {"packages": "a", "containerd": "b"}.items():
        repository = REPOSITORY_OF_PACKAGES | {"url": f"https://apt.example.com/{path}"}
        stack.setdefault(section, {})["repository"] = repository | {"caFile": str(directory / "ca.crt")}
    stack["localPath"] = {"enabled": True}
    stack["proxy"] = {"https": "http://other.example.com:3128"}
    sha256 = hashlib.sha256(metallb.encode()).hexdigest()
    stack["metallb"] = {
        "addresses": ["192.0.2.200-192.0.2.220"],
        "manifestUrl": (directory / "metallb.yaml").as_uri(),
        "manifestSha256": sha256,
    }
    chart = {"archive": str(archive(directory)), "values": {"replicas": 1}}
    stack["addons"] = {"own": {"manifest": str(directory / "own.yaml")}, "db": {"chart": chart, "images": [HELPER]}}
    robot = {"name": "robot", "namespace": "ci", "clusterRole": "view", "namespaceRoles": {"shop": "edit"}}
    stack["access"] = {"serviceAccounts": [robot], "roles": copy.deepcopy(ROLES)}
    return stack


def edited(stack: Stack, path: str, value: Any) -> None:
    """Set a setting, whose path has a slash between its parts; a `Path` is a file beside the others of the stack."""
    *parts, name = path.split("/")
    node: Any = stack
    for part in parts:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    node[name] = value


def settings_of_the_reference() -> Iterator[str]:
    """Paths of all settings but sections, as docs/configuration.md has them, with their section before a slash."""
    section = ""
    for line in (REPOSITORY / "docs" / "configuration.md").read_text().splitlines():
        if line.startswith("## `kubeadm:"):
            section = line.removeprefix("## `kubeadm:").rstrip("`")
        row = re.match(r"\| `([^`]+)` \| (?:[^|\\]|\\.)+ \| ([^|]+) \|", line)
        if row and "section" not in row[2]:
            yield f"{section}/{row[1].replace('.', '/').replace('[]', '/[]')}"


def in_the_reference(path: str) -> str:
    """The path of a setting as `settings_of_the_reference` has it."""
    parts = path.split("/")
    return "/".join(
        "[]" if part.isdigit() else "NAME" if number and parts[number - 1] in NAMES else part
        for number, part in enumerate(parts)
    )
