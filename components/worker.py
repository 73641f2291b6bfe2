"""A worker: a fresh join token, and kubeadm join."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components import kubeadm_config
from components._remote import File, run_step
from components.control_plane import ControlPlane
from components.host import PreparedHost
from components.settings import Settings


class Worker(pulumi.ComponentResource):
    """A prepared host that is a Ready node of the cluster.

    Adding one mints one short-lived token on the control plane, for this host alone.
    """

    def __init__(
        self,
        prepared: PreparedHost,
        control_plane: ControlPlane,
        settings: Settings,
        *,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Join a prepared host.

        Args:
            after: what has to be in the cluster before nodes join.
        """
        host = prepared.host
        super().__init__("kubeadm:index:Worker", host.name, None, opts)
        token = run_step(
            f"{host.name}-token",
            "token",
            control_plane.host,
            settings,
            values={"WORKER_NAME": host.name},
            returns_secret=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[control_plane, prepared]),
        )
        secret_token: pulumi.Output[str] = pulumi.Output.secret(token.stdout)
        discovery = secret_token.apply(lambda content: [File(kubeadm_config.DISCOVERY_PATH, content, mode="0600")])
        run_step(
            f"{host.name}-join",
            "join",
            host,
            settings,
            values={
                "IGNORE_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
                "RESET_ON_FAILURE": str(settings.policy.reset_on_failure).lower(),
            },
            secret_files=discovery,
            verify_on_update=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[prepared, *after]),
        )
        self.register_outputs({})
