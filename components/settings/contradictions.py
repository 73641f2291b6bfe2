"""Contradictions between the fields of a stack file."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings import Settings
from components.settings._addons import contradictions_of_addons
from components.settings._cluster_configuration import contradictions_of_cluster_configuration
from components.settings._control_planes import contradictions_of_control_planes
from components.settings._directories import contradictions_of_directories
from components.settings._documents import contradictions_of_documents
from components.settings._networks import contradictions_of_networks
from components.settings._types import is_of_no_machine
from components.settings.known_hosts import known_host_key, revoked_keys, without_comment


def contradictions(settings: Settings) -> Iterator[str]:
    """A line for each contradiction of a stack file: path in the file, the problem, the found value."""
    yield from contradictions_of_control_planes(settings)
    yield from _names_and_addresses(settings)
    yield from _bastion(settings)
    yield from contradictions_of_networks(settings)
    yield from _host_keys(settings)
    yield from contradictions_of_cluster_configuration(settings)
    yield from contradictions_of_documents(settings)
    yield from contradictions_of_addons(settings)
    yield from contradictions_of_directories(settings)
    yield from _pull_secrets(settings)
    yield from _repositories(settings)
    yield from _plain_passwords(settings)


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


def _names_and_addresses(settings: Settings) -> Iterator[str]:
    for key, host in settings.hosts.items():
        if key != host.name:
            yield f"hosts.{key}.name: a host's name is its key, found {host.name!r}"
        if is_of_no_machine(host.internal_ip):
            path = f"hosts.{key}.{'nodeIp' if host.node_ip else 'address'}"
            yield f"{path}: an address by which other machines find the node, found {host.internal_ip}"
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
    """Every connection needs the bastion, also those by which a host that is gone leaves the cluster."""
    bastion = settings.ssh.bastion
    for host in settings.hosts.values() if bastion else ():
        if host.gone and bastion and bastion.address in {host.name, str(host.address), str(host.internal_ip)}:
            yield (
                f"ssh.bastion: all connections go through it, and hosts.{host.name} is gone, found {bastion.address};"
                " name another bastion, or none"
            )


def _host_keys(settings: Settings) -> Iterator[str]:
    file, bastion = settings.ssh.known_hosts_file, settings.ssh.bastion
    pinned = {f"hosts.{host.name}.hostKey": host.host_key for host in settings.hosts.values() if host.host_key}
    pinned |= {"ssh.bastion.hostKey": bastion.host_key} if bastion else {}
    revoked = revoked_keys(file) if file else set()
    for path, key in pinned.items():
        if without_comment(key) in revoked:
            yield f"{path}: {file} marks it as revoked, found {key!r}"
    on_bastion = f" on {bastion.address}" if bastion else ""  # nothing else may reach the hosts
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
            f"hosts.{host.name}.hostKey: missing, {where}; read it{on_bastion} with"
            f" `ssh-keyscan -t ed25519 -p {port} {host.address}` and compare its fingerprint on the machine"
        )
