"""The control plane: kubeadm init, and the way into the cluster."""

from __future__ import annotations

import pulumi

from components.host import PreparedHost
from components.host_files import kubeadm
from components.settings import Host, Settings
from components.steps.last_update import LastUpdate
from components.steps.remote import run_step
from components.steps.step import Step, command_name


class ControlPlane(pulumi.ComponentResource):
    """A prepared host that runs the control plane of a cluster, in the version and with the settings of the stack.

    The API is ready, everything that kubeadm makes is there and the node is registered. A later change of the stack
    upgrades or reconfigures what runs, and never initialises again.

    Attributes:
        host: where join tokens are made.
        kubeconfig: content of admin.conf, a secret.
        printed: what the step `init` returned last.
    """

    host: Host
    kubeconfig: pulumi.Output[str]
    printed: pulumi.Output[str]

    def __init__(
        self,
        prepared: PreparedHost,
        settings: Settings,
        last: LastUpdate,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("kubeadm:index:ControlPlane", prepared.host.name, None, opts)
        self.host = prepared.host
        init = run_step(
            init_step(settings),
            settings,
            last,
            verify_on_update=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[prepared]),
        )
        fetched = run_step(
            kubeconfig_step(settings),
            settings,
            last,
            returns_secret=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[init]),
        )
        self.printed = init.stdout
        self.kubeconfig = pulumi.Output.secret(fetched.stdout)
        self.register_outputs({"kubeconfig": self.kubeconfig})


def init_step(settings: Settings) -> Step:
    """kubeadm init; later the upgrade of the control plane, and the changes of what kubeadm was told."""
    host = settings.control_plane
    values = {
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        "CONTROL_PLANE_TAINTS": "\n".join(str(taint) for taint in settings.cluster.control_plane_taints),
        "CLUSTER_IDENTITY": kubeadm.identity(settings),
        **kubeadm.digests(settings),
        **_generation(settings),
        "VXLAN_MODE": settings.calico.vxlan_mode,
        "IGNORE_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
        "RESET_ON_FAILURE": str(settings.policy.reset_on_failure).lower(),
        "DRAIN_TIMEOUT_SECONDS": str(settings.policy.drain_timeout_seconds),
    }
    return Step(command_name(host.name, "init"), "init", host, values)


def kubeconfig_step(settings: Settings) -> Step:
    """admin.conf. Its inputs change only with its certificate, so that what depends on it is known in a preview."""
    host = settings.control_plane
    return Step(command_name(host.name, "kubeconfig"), "kubeconfig", host, _generation(settings))


def _generation(settings: Settings) -> dict[str, str]:
    return {"CERTIFICATE_GENERATION": str(settings.cluster.certificate_generation)}
