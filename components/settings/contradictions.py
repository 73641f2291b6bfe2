"""Contradictions between the fields of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

from components.settings import Settings
from components.settings._addons import contradictions_of_addons
from components.settings._control_planes import contradictions_of_control_planes
from components.settings._directories import contradictions_of_directories
from components.settings._documents import contradictions_of_documents
from components.settings.known_hosts import known_host_key, revoked_keys, without_comment
from components.settings.manifest_sources import manifest_sources
from components.settings.versions import flags_of, knows_fail_cgroup_v1, kubeadm_api_version, removed_flag

UNSUPPORTED = {
    "certificatesDir": "certificates are in /etc/kubernetes/pki",
    "etcd.external": "etcd runs on the control plane",
    "etcd.local.dataDir": "etcd's data are in /var/lib/etcd, which may be a disk of its own",
    "dns.disabled": "CoreDNS is a part of the cluster",
    "proxy.disabled": "kube-proxy is a part of the cluster",
}
"""Settings that kubeadm accepts, but that would break a later upgrade, renewal or reset; and the reason."""

UNSUPPORTED_FLAGS = {
    "apiServer": {"secure-port": "nodes and programs find each API server at port 6443"},
    "etcd.local": {
        "data-dir": "kubeadm mounts no other directory for etcd: its data would be gone with its container",
        "initial-cluster-state": "the program sets it, so that no etcd begins an empty cluster",
        "force-new-cluster": "etcd would forget its other members at each start",
    },
}
"""Arguments that would break the cluster, by the part whose they are; and the reason."""

OF_SECURITY = {
    "encryption": {"encryption-provider-config", "experimental-encryption-provider-config"},
    "audit": {"audit-policy-file", *(f"audit-log-{name}" for name in ("path", "maxage", "maxbackup", "maxsize"))},
}
"""Arguments of the API server that a switch sets, by the switch: twice in a manifest, the last one would count."""


def contradictions(settings: Settings) -> Iterator[str]:
    """A line for each contradiction of a stack file: path in the file, the problem, the found value."""
    yield from contradictions_of_control_planes(settings)
    yield from _names_and_addresses(settings)
    yield from _bastion(settings)
    yield from _network_overlaps(settings)
    yield from _host_keys(settings)
    yield from _versions(settings)
    yield from _unsupported(settings)
    yield from _api_server(settings)
    yield from contradictions_of_documents(settings)
    yield from contradictions_of_addons(settings)
    yield from contradictions_of_directories(settings)
    yield from _pull_secrets(settings)
    yield from _repositories(settings)
    yield from _plain_passwords(settings)
    if (settings.calico.manifest_url is None) != (settings.calico.manifest_sha256 is None):
        yield "calico: manifestUrl and manifestSha256 go together"


def _pull_secrets(settings: Settings) -> Iterator[str]:
    with_login = [name for name, access in settings.containerd.registries.items() if access.username]
    for namespace in settings.images.pull_secret_namespaces:
        for name in settings.images.pull_secret_registries(namespace) or ():
            if name not in with_login:
                known = ", ".join(with_login) or "none"
                yield (
                    f"images.pullSecretNamespaces.{namespace}: expected registries with a username in"
                    f" containerd.registries, which are {known}, found {name!r}"
                )


def _plain_passwords(settings: Settings) -> Iterator[str]:
    registries = settings.containerd.registries
    for name, access in registries.items():
        for url in access.mirrors:
            owner = settings.containerd.registry_at(url)
            if url.startswith("http:") and owner and registries[owner].username:
                yield (
                    f"containerd.registries.{name}.mirrors: the password of {owner} would travel in clear; expected"
                    f" https://, or no username of {owner}, found {url!r}"
                )


def _unsupported(settings: Settings) -> Iterator[str]:
    for path, reason in UNSUPPORTED.items():
        node: Any = settings.cluster.cluster_configuration
        for key in path.split("."):
            node = node.get(key) if isinstance(node, dict) else None
        if node is not None:
            yield f"cluster.clusterConfiguration.{path}: {reason}, found {node!r}"


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


def _repositories(settings: Settings) -> Iterator[str]:
    kubernetes, containerd = settings.packages.repository, settings.containerd.repository
    version = settings.cluster.kubernetes_version
    if containerd and kubernetes.username and containerd.username:
        logins = {(each.username, each.password_key) for each in (kubernetes, containerd)}
        if kubernetes.server(version) == containerd.server(version) and len(logins) > 1:
            yield (
                f"containerd.repository.username: apt has one login for {containerd.server(version)}; give it the"
                " user and the passwordKey of packages.repository"
            )
    if containerd is None or not containerd.is_same_as(kubernetes, version):
        return
    first, second = (
        (each.url.partition("://")[0], each.keyring, each.fingerprint) for each in (kubernetes, containerd)
    )
    if first != second:
        yield (
            "containerd.repository: the address and suite of packages.repository, with another scheme, keyring or"
            " fingerprint; apt takes both for one repository, with one keyring: give both the same"
        )


def _versions(settings: Settings) -> Iterator[str]:
    version, calico = settings.cluster.kubernetes_version, settings.calico
    yield from _extra_arguments(settings)
    if "failCgroupV1" in settings.cluster.kubelet_configuration and not knows_fail_cgroup_v1(version):
        yield f"cluster.kubeletConfiguration.failCgroupV1: the kubelet of {version} does not know the field; remove it"
    if calico.manifest_url is None and settings.listed_calico not in manifest_sources("calico"):
        listed = " or ".join(manifest_sources("calico"))
        yield (
            f"calico.version: expected {listed}, found {calico.version!r}; for another version set manifestUrl"
            " and manifestSha256 in its place, or add the version to manifests/sources.yaml"
        )


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


def _names_and_addresses(settings: Settings) -> Iterator[str]:
    for key, host in settings.hosts.items():
        if key != host.name:
            yield f"hosts.{key}.name: a host's name is its key, found {host.name!r}"
    hosts = list(settings.hosts.values())
    for address in dict.fromkeys(host.address for host in hosts):
        names = [host.name for host in hosts if host.address == address]
        if len(names) > 1:
            yield f"hosts: {' and '.join(names)} have the same address {address}"
    for number, host in enumerate(hosts):
        owners = [each.name for each in hosts if each != host and each.address == host.node_ip]
        owners += [each.name for each in hosts[:number] if host.node_ip and each.node_ip == host.node_ip]
        if owners:
            yield f"hosts.{host.name}.nodeIp: {host.node_ip} is the address of {' and '.join(owners)}"


def _bastion(settings: Settings) -> Iterator[str]:
    """A bastion is asked for each connection, also for those by which a machine that is gone leaves the cluster."""
    bastion = settings.ssh.bastion
    for host in settings.hosts.values() if bastion else ():
        if host.gone and bastion and bastion.address in {host.name, str(host.address), str(host.internal_ip)}:
            yield (
                f"ssh.bastion: all connections go through it, and hosts.{host.name} is gone, found {bastion.address};"
                " name another bastion, or none"
            )


def _network_overlaps(settings: Settings) -> Iterator[str]:
    networking = settings.cluster.networking
    networks = {"podSubnet": networking.pod_subnet, "serviceSubnet": networking.service_subnet}
    if networking.pod_subnet.overlaps(networking.service_subnet):
        yield (
            f"cluster.networking: podSubnet {networking.pod_subnet} overlaps serviceSubnet {networking.service_subnet}"
        )
    for host in settings.hosts.values():
        for name, network in networks.items():
            if IPv4Network(host.internal_ip).overlaps(network):
                yield f"hosts.{host.name}: its address {host.internal_ip} lies in cluster.networking.{name} {network}"


def _host_keys(settings: Settings) -> Iterator[str]:
    file, bastion = settings.ssh.known_hosts_file, settings.ssh.bastion
    pinned = {f"hosts.{host.name}.hostKey": host.host_key for host in settings.hosts.values() if host.host_key}
    pinned |= {"ssh.bastion.hostKey": bastion.host_key} if bastion else {}
    revoked = revoked_keys(file) if file else set()
    for path, key in pinned.items():
        if without_comment(key) in revoked:
            yield f"{path}: {file} marks it as revoked, found {key!r}"
    for host in settings.hosts.values():
        port = host.port or settings.ssh.port
        if host.host_key or (file and known_host_key(file, str(host.address), port)):
            continue
        where = (
            f"and {file} has no line for {host.address} with a key that is not revoked"
            if file
            else "and there is no ssh.knownHostsFile"
        )
        yield (
            f"hosts.{host.name}.hostKey: missing, {where}; read it with"
            f" `ssh-keyscan -t ed25519 -p {port} {host.address}` and compare its fingerprint on the machine"
        )
