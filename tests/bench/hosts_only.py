"""The program of `make bench-scale`: a cluster without Kubernetes objects, and so without an API server."""

from collections.abc import Mapping

import pulumi

from components.control_planes import make_control_planes
from components.engine_traffic import leave_out_traces_and_debug_messages
from components.host import PreparedHost
from components.lifetime import Lifetime, wanted_of
from components.review.clones import warn_of_clones
from components.review.plan import announce_plan
from components.review.refusals import refuse_impossible_changes
from components.review.silence import announce_departures, watch_departures
from components.review.warnings import warn
from components.settings import Settings
from components.settings.passwords import Secrets
from components.settings.stack_file import load_settings
from components.steps.last_update import CLUSTER_TYPE, load_last_update
from components.steps.remote import StepCommands
from components.worker import join_workers


class HostsOnly(pulumi.ComponentResource):
    """A `Cluster` without Kubernetes objects."""

    def __init__(
        self, name: str, settings: Settings, registry_passwords: Mapping[str, pulumi.Input[str]] | None = None
    ) -> None:
        wanted = wanted_of(name, settings, load_last_update(name))
        secrets = Secrets.of(
            settings, registry_passwords=registry_passwords, repository_passwords=None, encryption_keys=None
        )
        refuse_impossible_changes(wanted)
        announce_plan(wanted, secrets)
        warn(wanted)
        announce_departures(wanted)
        super().__init__(CLUSTER_TYPE, name)
        child = pulumi.ResourceOptions(parent=self)
        commands = StepCommands(wanted, secrets, Lifetime(wanted, child))
        watch_departures(wanted, commands.watch)
        hosts = {name: PreparedHost(host, commands, child) for name, host in settings.hosts.items()}
        warn_of_clones(hosts, settings)
        access, control_planes = make_control_planes(hosts, commands, child)
        settled = [each.settled for each in control_planes if each.settled]
        join_workers(hosts, commands, authority=access.authority, after=settled, opts=child)
        self.kubeconfig = access.kubeconfig


if __name__ == "__main__":
    leave_out_traces_and_debug_messages()
    HostsOnly("cluster", load_settings())
