"""The steps of the control plane: `init` and `kubeconfig`."""

from __future__ import annotations

from components.host_files import kubeadm
from components.settings import Settings
from components.steps.step import Step, StepName, Value

PROVIDER = "pulumi-kubeadm:provider"
"""Name of the ClusterRoleBinding of the stack's kubeconfig, and beginning of the name of its user."""


def init_step(settings: Settings) -> Step:
    """The step of kubeadm init, and later of upgrades and changes of the control plane."""
    host = settings.control_plane
    values: dict[str, Value] = {
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        "CONTROL_PLANE_TAINTS": [str(taint) for taint in settings.cluster.control_plane_taints],
        "CLUSTER_IDENTITY": kubeadm.identity(settings),
        **kubeadm.digests(settings),
        "CERTIFICATE_GENERATION": settings.cluster.certificate_generation,
        "VXLAN_MODE": settings.calico.vxlan_mode,
        "IGNORE_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
        "RESET_ON_FAILURE": settings.policy.reset_on_failure,
        "DRAIN_TIMEOUT_SECONDS": settings.policy.drain_timeout_seconds,
    }
    return Step(StepName.INIT, host.name, host, values, verifies_on_update=True)


def kubeconfig_step(settings: Settings) -> Step:
    """The step that returns the stack's kubeconfig, of a new user each time that the step runs.

    Only a renewal changes its inputs, so that a preview knows its dependents.
    """
    host = settings.control_plane
    generation = {"CERTIFICATE_GENERATION": settings.cluster.certificate_generation}
    return Step(
        StepName.KUBECONFIG,
        host.name,
        host,
        {"PROVIDER": PROVIDER},
        again_when=generation,
        keeps_connection=True,
        returns_secret=True,
    )
