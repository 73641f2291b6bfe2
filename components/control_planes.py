"""The control planes of a cluster, one after the other, and the access to the first that is ready."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.cluster_access import ClusterAccess
from components.control_plane import ControlPlane
from components.host import PreparedHost
from components.host_files import kubeadm
from components.steps.remote import StepCommands
from components.steps.step import StepName


def make_control_planes(
    hosts: Mapping[str, PreparedHost], commands: StepCommands, opts: pulumi.ResourceOptions
) -> tuple[ClusterAccess, list[ControlPlane]]:
    """The access to the cluster, and its control planes, which change one at a time.

    Machines that are gone leave first: the votes of the others are then a majority again. The leader is next, and then
    the other members; new control planes join last. The steps ask whether all other control planes are well. Once every
    API server reads Secrets with all keys, one after the other writes with the first.
    """
    wanted, roles = commands.wanted, commands.wanted.control_planes
    # A leader that joined got the authority then. The state may lack a kubeconfig, or have one that cannot be read.
    authority: pulumi.Input[str] | None
    authority = wanted.last.file(roles.leader.name, StepName.JOIN, kubeadm.JOIN_AUTHORITY_PATH)
    gone = [host for host in wanted.settings.control_planes if host.gone]
    # Each host knows the new name before the cluster, and with it kube-proxy, uses it.
    named = list(hosts.values()) if wanted.moves_endpoint else []
    access, made, settled = None, list[ControlPlane](), list[pulumi.Resource]()
    for host in [*gone, *roles.in_turn]:
        before = [*named, *settled[-1:]]
        control_plane = ControlPlane(hosts[host.name], commands, authority=authority, after=before, opts=opts)
        made.append(control_plane)
        settled += [control_plane.settled] if control_plane.settled else []
        if host == roles.leader:
            access = ClusterAccess(control_plane, commands, opts)
            authority = access.authority
    for control_plane in made:
        if control_plane.host == roles.initialiser and not control_plane.host.gone:
            control_plane.become_member(commands, after=settled)
    written = list[pulumi.Resource]()
    for control_plane in made:
        if not control_plane.host.gone and wanted.settings.cluster.encryption:
            written.append(control_plane.write_secrets(commands, after=[*settled, *written]))
    assert access is not None, "a cluster has a leader"
    return access, made
