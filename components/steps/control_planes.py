"""The control planes of a cluster in an update: which one initialises, which one leads, and who sponsors a host."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from components.settings import Host, Settings
from components.steps.last_update import LastUpdate
from components.steps.step import NODE_STEPS, StepName


@dataclass(frozen=True)
class ControlPlanes:
    """The parts of the control planes, from the settings and the last update alone.

    Every part is kept for as long as it can be, so that an update which adds or removes a host changes no other host.
    """

    settings: Settings
    last: LastUpdate

    @cached_property
    def initialiser(self) -> Host | None:
        """The control plane with the step `init`; None where the host that kubeadm initialised has left the cluster.

        A host that began to initialise goes on, also where the stack file names another one first: two hosts that
        initialise would be two clusters.
        """
        listed, living = self.settings.control_planes, self.settings.living_control_planes
        initialised = [host for host in listed if self.last.step(host.name, StepName.INIT)]
        # A machine that was gone and comes back joins, although its command is still recorded.
        recorded = [host for host in initialised if host.gone or self.last.is_member(host.name)]
        if recorded:
            return recorded[0]
        if any(self.last.is_member(host.name) for host in listed):
            return None
        begun = [host for host in living if self.last.value(host.name, StepName.PREPARE, "INITIALISES") == "true"]
        return (begun or living)[0]

    @cached_property
    def members(self) -> list[Host]:
        """The living control planes that an earlier update left in the cluster."""
        return [host for host in self.settings.living_control_planes if self.last.is_member(host.name)]

    @cached_property
    def leader(self) -> Host:
        """The control plane that makes the changes of the whole cluster, such as kube-proxy's."""
        led = [each for each in self.members if "true" in {self.last.value(each.name, s, "LEADS") for s in NODE_STEPS}]
        first = [*led, *self.members, *([self.initialiser] if self.initialiser else [])]
        # An update without a living member is refused later, with a message: so this property has a host in any case.
        return next(host for host in [*first, *self.settings.living_control_planes] if not host.gone)

    def is_alone(self, host: Host) -> bool:
        """True for the only control plane that serves while it changes: others may join later in the same update."""
        return self.members == [host]

    @property
    def in_turn(self) -> list[Host]:
        """The living control planes in the order of their changes: the leader, other members, then those that join."""
        ranked = [self.leader, *self.members, *self.settings.living_control_planes]
        return list({host.name: host for host in ranked}.values())

    @cached_property
    def leaving(self) -> dict[str, str]:
        """Addresses by name of the control planes that left the stack file; they serve until the update ends."""
        names = [name for name in self.last.control_planes() if name not in self.settings.hosts]
        return {name: str(self.last.value(name, StepName.PREPARE, "NODE_IP")) for name in names}

    def sponsor_of(self, host: Host) -> Host | None:
        """The control plane on which the membership of a host runs, never the host; None for the only control plane."""
        others = [each for each in self.members if each.name != host.name]
        known = self.last.value(host.name, StepName.MEMBERSHIP, "HOST_NAME")
        if any(each.name == known for each in others):
            return next(each for each in others if each.name == known)
        coming = [each for each in self.in_turn if each.name != host.name]
        return next(iter(others or coming), None)
