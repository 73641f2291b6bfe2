"""Contradictions of what a stack merges into kubeadm's ClusterConfiguration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from components.settings import Settings, _patterns
from components.settings.kubeadm_documents import argument_of, flags_of, value_at
from components.settings.ports import NODE_PORTS
from components.settings.versions import kubeadm_api_version, removed_flag

UNSUPPORTED = {
    "certificatesDir": "certificates are in /etc/kubernetes/pki",
    "etcd.external": "etcd runs on the control plane",
    "etcd.local.dataDir": "etcd's data are in /var/lib/etcd, which may be a disk of its own",
    "dns.disabled": "CoreDNS is a part of the cluster",
    "proxy.disabled": "kube-proxy is a part of the cluster",
}
"""Settings that kubeadm accepts, but that would break a later upgrade, renewal or reset; and the reason."""

_NO_OTHER_DIRECTORY = "kubeadm mounts no other directory for etcd: its data would be gone with its container"
_OF_EACH_MEMBER = "kubeadm gives each member of etcd its own"
UNSUPPORTED_FLAGS = {
    "apiServer": {
        "secure-port": "nodes and programs find each API server at port 6443",
        "advertise-address": "each API server has that of its node, `hosts.NAME.nodeIp`",
        "etcd-servers": "each API server asks the etcd beside it",
    },
    "etcd.local": {
        **dict.fromkeys(("data-dir", "wal-dir"), _NO_OTHER_DIRECTORY),
        **dict.fromkeys(("name", "advertise-client-urls", "initial-advertise-peer-urls"), _OF_EACH_MEMBER),
        "initial-cluster": _OF_EACH_MEMBER,
        "initial-cluster-state": "the program sets it, so that no etcd begins an empty cluster",
        "force-new-cluster": "etcd would forget its other members at each start",
    },
}
"""Arguments that would break the cluster, by part of the ClusterConfiguration; and the reason."""

OF_SECURITY = {
    "encryption": {"encryption-provider-config", "experimental-encryption-provider-config"},
    "audit": {"audit-policy-file", *(f"audit-log-{name}" for name in ("path", "maxage", "maxbackup", "maxsize"))},
}
"""Arguments of the API server that a setting adds, by the setting. Of two equal arguments the last one would count."""

LISTS_OF_KUBEADM = {
    ("apiServer", "enable-admission-plugins"): ("NodeRestriction",),
    ("apiServer", "authorization-mode"): ("Node", "RBAC"),
    ("controllerManager", "controllers"): ("bootstrapsigner", "tokencleaner"),
}
"""Arguments whose value is a list, and the entries of kubeadm: an argument of the stack replaces the whole list.
Without NodeRestriction each kubelet may change all nodes and pods: get*Command of kubeadm's manifests.go."""
TRUE = {"1", "t", "T", "true", "TRUE", "True"}
"""Values that Go's `strconv.ParseBool` takes for true."""


def contradictions_of_cluster_configuration(settings: Settings) -> Iterator[str]:
    """A line for each contradiction: path in the file, the problem, the found value."""
    yield from _extra_arguments(settings)
    yield from _unsupported(settings)
    yield from _api_server(settings)
    yield from _node_ports(settings)
    yield from _certificate_names(settings)
    yield from _lists_of_kubeadm(settings)
    yield from _health(settings)


def _extra_arguments(settings: Settings) -> Iterator[str]:
    """kubeadm reads a list of names and values from v1beta4 on, and a mapping before; each value is a string."""
    is_list = kubeadm_api_version(settings.cluster.kubernetes_version).endswith("v1beta4")
    for part, content in _parts(settings.cluster.cluster_configuration):
        arguments = content.get("extraArgs") if isinstance(content, dict) else None
        if arguments is None:
            continue
        path = f"cluster.clusterConfiguration.{part}.extraArgs"
        if not isinstance(arguments, list if is_list else dict):
            wanted = "a list of `{name: ..., value: ...}`" if is_list else "a mapping of names to values"
            yield f"{path}: {wanted} in Kubernetes {settings.cluster.kubernetes_version}, found {arguments!r}"
        elif isinstance(arguments, list) and not all(_is_argument(each) for each in arguments):
            yield f'{path}: name and value are strings, such as `{{name: v, value: "4"}}`, found {arguments!r}'
        elif isinstance(arguments, dict) and not all(isinstance(value, str) for value in arguments.values()):
            yield f'{path}: values are strings, such as `v: "4"`, found {arguments!r}'
        else:
            yield from _removed_flags(part, flags_of(content), settings.cluster.kubernetes_version)
            for flag in set(flags_of(content)) & UNSUPPORTED_FLAGS.get(part, {}).keys():
                yield f"{path}: remove {flag}: {UNSUPPORTED_FLAGS[part][flag]}"


def _parts(configuration: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Parts of a ClusterConfiguration that may have arguments, by path."""
    yield from configuration.items()
    etcd = configuration.get("etcd")
    if isinstance(etcd, dict):
        yield "etcd.local", etcd.get("local")


def _removed_flags(part: str, flags: list[str], version: str) -> Iterator[str]:
    """Flags with which a program of the control plane would exit at its start."""
    for flag in flags:
        removed = removed_flag(part, flag, version)
        if removed:
            yield (
                f"cluster.clusterConfiguration.{part}.extraArgs: Kubernetes has no --{flag} since 1.{removed[0]}, found"
                f" the flag with {version}; remove the flag: {removed[1]}"
            )


def _is_argument(each: Any) -> bool:
    return isinstance(each, dict) and set(each) == {"name", "value"} and all(isinstance(v, str) for v in each.values())


def _unsupported(settings: Settings) -> Iterator[str]:
    for path, reason in UNSUPPORTED.items():
        found = value_at(settings.cluster.cluster_configuration, path)
        if found is not None:
            yield f"cluster.clusterConfiguration.{path}: {reason}, found {found!r}"


def _api_server(settings: Settings) -> Iterator[str]:
    """The API server gets arguments and names from the program: its settings need the form that they are added to."""
    server = settings.cluster.cluster_configuration.get("apiServer")
    if server is None:
        return
    path = "cluster.clusterConfiguration.apiServer"
    if not isinstance(server, dict):
        yield f"{path}: a mapping, found {server!r}"
        return
    volumes = server.get("extraVolumes")
    if volumes is not None and not isinstance(volumes, list):
        yield f"{path}.extraVolumes: a list, found {volumes!r}"
    for section, flags in OF_SECURITY.items():
        twice = [flag for flag in flags_of(server) if flag in flags]
        if twice and getattr(settings.cluster, section):
            yield f"{path}.extraArgs: cluster.{section} sets {', '.join(twice)}, found both; remove either"


def _node_ports(settings: Settings) -> Iterator[str]:
    text = argument_of(settings.cluster.cluster_configuration.get("apiServer"), "service-node-port-range")
    path = "cluster.clusterConfiguration.apiServer.extraArgs: service-node-port-range"
    ports = port_range(text) if text is not None else NODE_PORTS
    if ports is None:
        yield f"{path} is two ports such as 30000-32767, found {text!r}"
    elif settings.dashboard.has_node_port and settings.dashboard.node_port not in ports:
        yield (
            f"dashboard.nodePort: expected {ports[0]} to {ports[-1]}, the API server's service-node-port-range, found"
            f" {settings.dashboard.node_port}; change either"
        )


def port_range(text: str) -> range | None:
    """The ports of `first-last`, `first+number` or a single port, as the API server has them; None for other texts."""
    found = re.fullmatch(r"([0-9]{1,5})(?:([-+])([0-9]{1,5}))?", text.strip(), re.ASCII)
    if not found:
        return None
    first = int(found[1])
    last = first + int(found[3]) if found[2] == "+" else int(found[3] or first)
    return range(first, last + 1) if 1 <= first <= last <= 65535 else None


def _certificate_names(settings: Settings) -> Iterator[str]:
    names = value_at(settings.cluster.cluster_configuration, "apiServer.certSANs")
    if names is None:
        return
    path = "cluster.clusterConfiguration.apiServer.certSANs"
    if not isinstance(names, list):
        yield f"{path}: a list of names and addresses, which are added to those of kubeadm, found {names!r}"
        return
    for name in names:
        if not isinstance(name, str) or not _is_certificate_name(name):
            yield f"{path}: expected a host name in lower case, also with `*.` before it, or an address, found {name!r}"


def _is_certificate_name(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return bool(re.fullmatch(_patterns.HOST_NAME, name.removeprefix("*.")))
    return True


def _lists_of_kubeadm(settings: Settings) -> Iterator[str]:
    for (part, name), own in LISTS_OF_KUBEADM.items():
        argument = argument_of(settings.cluster.cluster_configuration.get(part), name)
        named = {each.strip() for each in argument.split(",")} if argument is not None else set(own)
        lacking = [each for each in own if not {each, f"-{each}"} & named]
        if lacking:
            yield (
                f"cluster.clusterConfiguration.{part}.extraArgs: {name} replaces the list of kubeadm; name"
                f" {' and '.join(lacking)} too, found {argument!r}"
            )


def _health(settings: Settings) -> Iterator[str]:
    """The kubelet asks with no login, and ends an API server that refuses it, after minutes: kubeadm issue 798."""
    found = argument_of(settings.cluster.cluster_configuration.get("apiServer"), "anonymous-auth")
    if found is not None and found not in TRUE:
        yield (
            "cluster.clusterConfiguration.apiServer.extraArgs: anonymous-auth: the kubelet would end each API server"
            " again and again, as it asks for the health of one without a login; remove it: RBAC lets nobody without a"
            f" login read more than health and version, found {found!r}"
        )
