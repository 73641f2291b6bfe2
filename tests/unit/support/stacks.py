"""Stack files for the tests, as mappings."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from components.settings import Settings
from components.settings.stack_file import SettingsError, parse_settings
from operations.stack.stacks import commands_of

Stack = dict[str, Any]

SHOP = commands_of("shop")
"""The commands of a stack of this name."""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

SECRET_CREATOR = {
    "name": "secret-creator",
    "rules": [{"resources": ["secrets"], "verbs": ["get", "watch", "list", "create"]}],
    "users": ["secret-operator"],
}
"""The guide's example of a cluster role."""

CALICO_MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: calico-config, namespace: kube-system}
data: {veth_mtu: "1440"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: calico-node, namespace: kube-system}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  template:
    spec:
      initContainers:
        - {name: install-cni, image: "docker.io/calico/cni:v3.28.5"}
      containers:
        - name: calico-node
          image: docker.io/calico/node:v3.28.5
          env:
            - {name: CALICO_IPV4POOL_VXLAN, value: Never}
            - {name: FELIX_HEALTHENABLED, value: "true"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: calico-kube-controllers, namespace: kube-system}
spec:
  template:
    spec:
      containers:
        - {name: calico-kube-controllers, image: "docker.io/calico/kube-controllers:v3.28.5"}
"""
CALICO_OBJECTS = {
    "ConfigMap:kube-system/calico-config",
    "ServiceAccount:kube-system/calico-node",
    "DaemonSet:kube-system/calico-node",
    "Deployment:kube-system/calico-kube-controllers",
}


def smallest() -> Stack:
    """The least that a stack file has to say."""
    return {
        "cluster": {"name": "dev"},
        "hosts": {"node1": {"address": "192.0.2.11", "role": "control-plane", "hostKey": f"{KEY}1"}},
    }


def with_workers(*names: str, version: str = "1.36.3") -> Stack:
    """The smallest stack with further hosts."""
    stack = smallest()
    stack["cluster"]["kubernetesVersion"] = version
    for number, name in enumerate(names, start=12):
        stack["hosts"][name] = {"address": f"192.0.2.{number}", "hostKey": f"{KEY}{number}"}
    return stack


RECIPIENT = """\
-----BEGIN CERTIFICATE-----
MIIBejCCAR+gAwIBAgIUWb3o5kh/QWhHMqTsAQM04aj+NUwwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGYmFja3VwMCAXDTI2MTEyNjA2NDQyMVoYDzIxMjYxMTAyMDY0
NDIxWjARMQ8wDQYDVQQDDAZiYWNrdXAwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARnya3ByxCBkf/Sd9N7Ukv+szPOdHkjpfDBrdzTM67y/xndG/r7u73YVwThzfY+
tjrTW0tLg27MtSmt1+/fqbUTo1MwUTAdBgNVHQ4EFgQUY2eKyObVYqJAZVjm3NRS
da4WQAYwHwYDVR0jBBgwFoAUY2eKyObVYqJAZVjm3NRSda4WQAYwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA1g3+3miDQmBhgUTCojKtYOvINJLS
dhsBo9I5mPSmIuICIQDVHdbKvSDjXJzR8BzMZQI9mygReHoWzVgYF4VgtHgC6g==
-----END CERTIFICATE-----
"""
"""A certificate whose key nobody has."""


def full(directory: Path, *workers: str, version: str = "1.36.3") -> Stack:
    """A stack with a private registry, and with every file that it names written to a directory."""
    (directory / "ca.crt").write_text(CA)
    (directory / "manifest.yaml").write_text(CALICO_MANIFEST)
    (directory / "backup.crt").write_text(RECIPIENT)
    stack = with_workers(*workers, version=version)
    stack["containerd"] = {
        "registries": {
            "hub.example.com": {"caFile": str(directory / "ca.crt"), "username": "robot"},
            "docker.io": {"mirrors": ["https://mirror.example.com:5000/v2"]},
        }
    }
    stack["backup"] = {"recipient": str(directory / "backup.crt")}
    stack["images"] = {
        "rewrite": {"registry.k8s.io": "hub.example.com/k8s", "docker.io": "hub.example.com/docker"},
        "pullSecretNamespaces": ["shop"],
    }
    stack["calico"] = {
        "manifestUrl": (directory / "manifest.yaml").as_uri(),
        "manifestSha256": hashlib.sha256(CALICO_MANIFEST.encode()).hexdigest(),
    }
    return stack


def outcome(stack: dict[Any, Any]) -> Settings | list[str]:
    """Settings, or why a stack is refused."""
    try:
        return parse_settings(stack)
    except SettingsError as error:
        return error.problems


def problems(stack: Stack) -> list[str]:
    """Why a stack is refused; empty when it is not."""
    found = outcome(stack)
    return [] if isinstance(found, Settings) else found


def only_problem(stack: Stack) -> str:
    """The one reason why a stack is refused."""
    found = problems(stack)
    assert len(found) == 1, found
    return found[0]


def with_setting(section: str, **settings: Any) -> Stack:
    """A stack with settings in a section."""
    stack = with_workers("node2")
    return stack | {section: stack.get(section, {}) | settings}
