"""A worker: its membership in the cluster, and kubeadm join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from components.control_plane import ControlPlane
from components.host import PreparedHost
from components.host_files import kubeadm
from components.settings import Host, Settings
from components.steps.last_update import LastUpdate
from components.steps.remote import forget, run_step
from components.steps.step import File, Step, command_name


class Worker(pulumi.ComponentResource):
    """A prepared host that is a Ready node of the cluster, in the version and with the settings of the stack.

    Adding one mints one short-lived token on the control plane, for this host alone. Its upgrade drains it first.
    Removing one drains the node and deletes it, and then resets the machine.

    Attributes:
        host: as the stack file says it.
        joined: the command after which the node is Ready; None for a host that is gone.
    """

    host: Host
    joined: pulumi.Resource | None

    def __init__(
        self,
        prepared: PreparedHost,
        control_plane: ControlPlane,
        settings: Settings,
        last: LastUpdate,
        *,
        after: Sequence[pulumi.Resource],
        lives_in: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Join a prepared host.

        Args:
            after: what has to be in the cluster before nodes join, and the nodes that are upgraded before this one.
            lives_in: the cluster. When all of it is destroyed, nodes are not drained.
        """
        host = prepared.host
        super().__init__("kubeadm:index:Worker", host.name, None, opts)
        self.host, self.joined = host, None
        if host.gone:
            if join_name(host) in last.commands:
                forget(join_step(host, settings), settings, opts=pulumi.ResourceOptions(parent=self))
            self.register_outputs({})
            return
        membership = run_step(
            membership_step(host, settings, last),
            settings,
            last,
            returns_secret=True,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[control_plane, prepared, *after], deleted_with=lives_in
            ),
        )
        secret_token: pulumi.Output[str] = pulumi.Output.secret(membership.stdout)
        self.joined = run_step(
            join_step(host, settings),
            settings,
            last,
            secret_files=secret_token.apply(lambda content: [File(kubeadm.DISCOVERY_PATH, content, "0600")]),
            keeps_input=is_member(host, last) and not is_changed(host, settings, last),
            verify_on_update=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[prepared, *after]),
        )
        self.register_outputs({})


def join_workers(
    hosts: Mapping[str, PreparedHost],
    control_plane: ControlPlane,
    settings: Settings,
    last: LastUpdate,
    *,
    after: Sequence[pulumi.Resource],
    lives_in: pulumi.Resource,
) -> list[Worker]:
    """All workers: new ones in parallel, those that run and change one after the other, `maxUnavailable` at a time."""
    workers, changing = [], list[pulumi.Resource]()
    for host in settings.workers:
        waits_its_turn = is_member(host, last) and is_changed(host, settings, last)
        turn = changing[-settings.policy.max_unavailable :][:1] if waits_its_turn else []
        if len(changing) < settings.policy.max_unavailable:
            turn = []
        worker = Worker(hosts[host.name], control_plane, settings, last, after=[*after, *turn], lives_in=lives_in)
        workers.append(worker)
        if waits_its_turn and worker.joined:
            changing.append(worker.joined)
    return workers


def membership_step(host: Host, settings: Settings, last: LastUpdate) -> Step:
    """The control plane's side: a join token at first, taints, the drain before an upgrade, and the end of it all."""
    values = {
        "WORKER_NAME": host.name,
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        "TAINTS": "\n".join(str(taint) for taint in host.taints),
        # A token lives for minutes. One that was not used in the update that made it is made anew.
        "ATTEMPT": str(_attempt(host, last)),
    }
    return Step(membership_name(host), "membership", settings.control_plane, values, undo="leave")


def join_step(host: Host, settings: Settings) -> Step:
    """The machine's side. The token is not in it: it comes as a secret file."""
    values = {
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        **kubeadm.kubelet_digest(settings),
        "IGNORE_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
        "RESET_ON_FAILURE": str(settings.policy.reset_on_failure).lower(),
    }
    return Step(join_name(host), "join", host, values)


def membership_name(host: Host) -> str:
    """Name of the command on the control plane."""
    return command_name(host.name, "membership")


def join_name(host: Host) -> str:
    """Name of the command on the machine."""
    return command_name(host.name, "join")


def is_member(host: Host, last: LastUpdate) -> bool:
    """Whether the host joined in an earlier update and was not given up since."""
    return {membership_name(host), join_name(host)} <= set(last.commands)


def is_changed(host: Host, settings: Settings, last: LastUpdate) -> bool:
    """Whether a member is told something else than in the last update, its token apart."""
    recorded = last.commands[join_name(host)].told
    return recorded.values != {"HOST_NAME": host.name, **join_step(host, settings).values}


def _attempt(host: Host, last: LastUpdate) -> int:
    made = int(last.value(membership_name(host), "ATTEMPT") or 0)
    return made if is_member(host, last) else made + 1
