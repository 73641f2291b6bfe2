"""The program of `make bench-scale`: a cluster without Kubernetes objects, and so without an API server."""

from collections.abc import Mapping

import pulumi

from components.addons.calico import calico_images
from components.control_planes import make_control_planes
from components.engine_traffic import leave_out_traces_and_debug_messages
from components.host import PreparedHost
from components.lifetime import Lifetime, identity_of, sealing_key_of
from components.review.clones import warn_of_clones
from components.review.plan import announce_plan
from components.review.refusals import refuse_impossible_changes
from components.review.silence import watch_departures
from components.review.warnings import warn
from components.settings import Settings
from components.settings.stack_file import load_settings
from components.steps.last_update import CLUSTER_TYPE, load_last_update
from components.steps.remote import StepCommands
from components.steps.wanted import Wanted, wanted_steps
from components.worker import join_workers


class HostsOnly(pulumi.ComponentResource):
    """A `Cluster` without Kubernetes objects."""

    def __init__(
        self, name: str, settings: Settings, registry_passwords: Mapping[str, pulumi.Input[str]] | None = None
    ) -> None:
        last = load_last_update(name)
        identity, key = identity_of(settings, last), sealing_key_of(last)
        steps = wanted_steps(settings, last, calico_images(settings), identity, key.certificate)
        wanted = Wanted(name, settings, last, identity, key, steps)
        passwords: pulumi.Output[dict[str, str]] = pulumi.Output.secret(pulumi.Output.all(**(registry_passwords or {})))
        refuse_impossible_changes(wanted)
        keys = pulumi.Output.from_input(dict[str, str]())
        announce_plan(wanted, passwords, keys)
        warn(wanted)
        super().__init__(CLUSTER_TYPE, name)
        child, commands = pulumi.ResourceOptions(parent=self), StepCommands(wanted)
        watch_departures(wanted, commands.watch)
        lifetime = Lifetime(wanted, child)
        hosts = {
            name: PreparedHost(
                host, commands, passwords=passwords, repository_passwords=keys, lives_in=lifetime, opts=child
            )
            for name, host in settings.hosts.items()
        }
        warn_of_clones(hosts, settings)
        access, control_planes = make_control_planes(
            hosts, commands, encryption_keys=keys, lives_in=lifetime, opts=child
        )
        settled = [each.settled for each in control_planes if each.settled]
        join_workers(hosts, commands, authority=access.authority, after=settled, lives_in=lifetime, opts=child)
        self.kubeconfig = access.kubeconfig


if __name__ == "__main__":
    leave_out_traces_and_debug_messages()
    HostsOnly("cluster", load_settings())
