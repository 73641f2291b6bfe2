"""The root component: a kubeadm cluster on the machines of its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components.addons import addons_of, apply_addons
from components.addons.logins import use_passwords
from components.cluster_access import ClusterAccess
from components.control_plane import ControlPlane
from components.control_planes import make_control_planes
from components.gate import gate
from components.host import PreparedHost
from components.lifetime import Lifetime, wanted_of
from components.objects.access_rules import AccessRules
from components.objects.labels import NodeLabels
from components.objects.namespaces import Namespaces
from components.objects.node_addresses import node_addresses
from components.objects.pull_secrets import RegistrySecrets
from components.review.addons import refuse_wrong_addons
from components.review.clones import warn_of_clones
from components.review.expiry import expiry_dates
from components.review.plan import announce_plan
from components.review.refusals import refuse_impossible_changes
from components.review.silence import announce_departures, refuse_silent_machines, watch_departures
from components.review.warnings import warn
from components.settings import Registry, Settings
from components.settings.passwords import Secrets
from components.steps.last_update import CLUSTER_TYPE, load_last_update
from components.steps.remote import StepCommands
from components.steps.wanted import Wanted
from components.worker import join_workers


class Cluster(pulumi.ComponentResource):
    """Every host of the settings is a Ready node of one cluster, and the cluster has every object of the settings.

    A program may have several clusters: each reads from the last update only the resources below itself. Machines, the
    provider and the state know a cluster by an identity that is minted once, not by the name of a stack.

    Attributes:
        kubeconfig: content of the stack's kubeconfig, whose user a binding of its own makes cluster-admin; a secret.
        outputs: outputs of a stack by name: kubeconfig (a secret), nodes, certificateExpiry (day by certificate), and,
            if the settings enable them, dashboardAddress and loginTokenCommand.
    """

    kubeconfig: pulumi.Output[str]
    outputs: dict[str, Any]

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        registry_passwords: Mapping[Registry, pulumi.Input[str]] | None = None,
        repository_passwords: Mapping[str, pulumi.Input[str]] | None = None,
        encryption_keys: Mapping[str, pulumi.Input[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create or change a cluster.

        Args:
            name: prefix of the name of each resource of the cluster; unique in the program, and never changed.
            settings: valid settings, from `parse_settings`.
            registry_passwords: passwords of the image registries with a username; secrets. Charts are fetched from the
                host of a registry while nothing is registered yet, so this wants its password as a text.
            repository_passwords: passwords of the package repositories with a username, by server; secrets.
            encryption_keys: keys of `cluster.encryption` by name, 32 bytes in base64; secrets.
            opts: options of the component.

        Raises:
            SettingsError: an add-on is refused, or the cluster of the last update cannot follow the settings.
                Nothing was registered.
            ValueError: the name has a `/`, or a password or a key that the settings name is not given.
            pulumi.RunError: a manifest cannot be fetched, or has another checksum; a machine on which a leaving host is
                drained or reset does not answer, and nothing was registered.
        """
        if "/" in name:
            raise ValueError(
                f"a cluster's name has no `/`, which ends it in the names of its resources; found {name!r}"
            )
        secrets = Secrets.of(
            settings,
            registry_passwords=registry_passwords,
            repository_passwords=repository_passwords,
            encryption_keys=encryption_keys,
        )
        texts = {name: given for name, given in (registry_passwords or {}).items() if isinstance(given, str)}
        use_passwords(texts.get)
        refuse_wrong_addons(settings)
        wanted = wanted_of(name, settings, load_last_update(name))
        refuse_impossible_changes(wanted)
        announce_plan(wanted, secrets)
        warn(wanted)
        refuse_silent_machines(wanted)
        announce_departures(wanted)

        super().__init__(CLUSTER_TYPE, name, None, opts)
        commands = StepCommands(wanted, secrets, Lifetime(wanted, pulumi.ResourceOptions(parent=self)))
        watch_departures(wanted, commands.watch)
        access, control_planes = self._make(commands)
        self.kubeconfig = access.kubeconfig
        self.outputs = _outputs(access, control_planes, wanted)
        self.register_outputs(self.outputs)

    def _make(self, commands: StepCommands) -> tuple[ClusterAccess, list[ControlPlane]]:
        """Make every resource below the cluster, in the order of creation."""
        wanted, child = commands.wanted, pulumi.ResourceOptions(parent=self)
        settings = wanted.settings
        hosts = {name: PreparedHost(host, commands, child) for name, host in settings.hosts.items()}
        warn_of_clones(hosts, settings)

        access, control_planes = make_control_planes(hosts, commands, child)

        node_addresses(settings).register(access, access.options(self))
        addons = addons_of(settings)
        networks = apply_addons((each for each in addons if each.is_network), access, settings, opts=child)
        nodes = {each.host.name: each.settled for each in control_planes if each.settled}
        ready: list[pulumi.Resource] = [*nodes.values(), *(network.configured for network in networks)]
        workers = join_workers(hosts, commands, authority=access.authority, after=ready, opts=child)
        joined = gate(wanted.resource_name("joined"), after=workers, parent=self)
        nodes |= {worker.host.name: worker.joined for worker in workers if worker.joined}
        NodeLabels(access, settings, nodes, child)

        namespaces = Namespaces(access, settings, after=networks, opts=child)
        others = (each for each in addons if not each.is_network)
        apply_addons(others, access, settings, after=[namespaces, joined], opts=child)
        AccessRules(access, settings, after=[namespaces], opts=child)
        RegistrySecrets(access, settings, passwords=commands.secrets.registry_passwords, after=[namespaces], opts=child)
        return access, control_planes


def _outputs(access: ClusterAccess, control_planes: list[ControlPlane], wanted: Wanted) -> dict[str, Any]:
    settings = wanted.settings
    nodes = {
        host.name: {
            "address": str(host.internal_ip),
            "role": host.role,
            "kubernetesVersion": settings.cluster.kubernetes_version,
        }
        for host in settings.hosts.values()
    }
    # The day on which the kubeconfig expires is no secret.
    readable = pulumi.Output.unsecret(access.kubeconfig)
    printed = pulumi.Output.all(*(each.certificates for each in control_planes if each.certificates))
    expiry = pulumi.Output.all(printed, readable).apply(lambda known: expiry_dates(*known))
    outputs: dict[str, Any] = {"kubeconfig": access.kubeconfig, "nodes": nodes, "certificateExpiry": expiry}
    if settings.dashboard.has_node_port:
        address = wanted.control_planes.leader.internal_ip
        outputs["dashboardAddress"] = f"https://{address}:{settings.dashboard.node_port}"
    for account in settings.access.service_accounts[:1]:
        outputs["loginTokenCommand"] = (
            f"kubectl --namespace {account.namespace} create token {account.name} --duration 1h"
        )
    return outputs
