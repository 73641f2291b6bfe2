"""The steps of control planes: `init`, what a further one adds to `join`, and the stack's `kubeconfig`."""

from __future__ import annotations

from components.host_files import api_server, kubeadm
from components.settings import Host, Settings
from components.steps.control_planes import ControlPlanes
from components.steps.step import Step, StepName, Value

PROVIDER = "pulumi-kubeadm:provider"
"""Name of the ClusterRoleBinding of the stack's kubeconfig, and beginning of the name of its user."""
ETCD_CLUSTER_STATE = "existing"
"""Argument `--initial-cluster-state` of etcd once its cluster exists: an etcd without data begins no new cluster."""
KUBECONFIG_OWNER = "access"
"""Subject of the step `kubeconfig`, which belongs to no host: the component that applies objects to the cluster."""


def init_step(host: Host, control_planes: ControlPlanes) -> Step:
    """The step of kubeadm init, and later of upgrades and changes of the control plane."""
    values = control_plane_values(host, control_planes)
    reset = {"RESET_ON_FAILURE": control_planes.settings.policy.reset_on_failure}
    return Step(
        StepName.INIT,
        host.name,
        host,
        values | reset,
        api_server.policy_files(control_planes.settings),
        again_when=encryption_order(control_planes.settings),
        verifies_on_update=True,
    )


def encryption_order(settings: Settings) -> dict[str, Value]:
    """Names of the keys of Secrets in their order, as a variable; none where Secrets are not encrypted.

    The keys themselves are a secret file, whose change alone no plan sees.
    """
    encryption = settings.cluster.encryption
    return {"ENCRYPTION_ORDER": list(encryption.order)} if encryption else {}


def encryption_step(host: Host, control_planes: ControlPlanes) -> Step:
    """The second pass of a change of keys: the API server writes with the first key, and Secrets are rewritten.

    In the first pass, `init` or `join`, every API server learns to read with all keys.
    """
    values: dict[str, Value] = {
        "NODE_IP": str(host.internal_ip),
        "WRITER": str(encryption_writer(control_planes.settings)),
    }
    again_when = encryption_order(control_planes.settings)
    return Step(StepName.ENCRYPTION, host.name, host, values, again_when=again_when)


def encryption_writer(settings: Settings) -> str | None:
    """Name of the key that Secrets are written with, `identity` where they are decrypted; None without encryption."""
    return settings.cluster.encryption.order[0] if settings.cluster.encryption else None


def control_plane_values(host: Host, control_planes: ControlPlanes) -> dict[str, Value]:
    """The variables by which a control plane is kept as the stack says; LEADS and NODE_IP differ between them."""
    settings = control_planes.settings
    return {
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        "API_SERVER": kubeadm.api_server(settings),
        "ETCD_CLUSTER_STATE": ETCD_CLUSTER_STATE,
        "LEADS": host.name == control_planes.leader.name,
        "NODE_IP": str(host.internal_ip),
        "CONTROL_PLANE_TAINTS": [str(taint) for taint in settings.cluster.control_plane_taints],
        "CLUSTER_IDENTITY": kubeadm.identity(settings),
        **kubeadm.digests(settings),
        "CERTIFICATE_GENERATION": settings.cluster.certificate_generation,
        "VXLAN_MODE": settings.calico.vxlan_mode,
        "IGNORE_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
        "DRAIN_TIMEOUT_SECONDS": settings.policy.drain_timeout_seconds,
    }


def kubeconfig_step(control_planes: ControlPlanes) -> Step:
    """The step that returns the stack's kubeconfig, of a new user each time that the step runs.

    Only a renewal changes its inputs, so that a preview knows its dependents. Any control plane can run it.
    """
    return Step(
        StepName.KUBECONFIG,
        KUBECONFIG_OWNER,
        control_planes.leader,
        {"PROVIDER": PROVIDER},
        again_when={"CERTIFICATE_GENERATION": control_planes.settings.cluster.certificate_generation},
        keeps_connection=True,
        returns_secret=True,
    )
