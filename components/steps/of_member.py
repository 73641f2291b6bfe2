"""The steps of a host that joins: `membership` on the control plane that sponsors it, and `join` on the machine."""

from __future__ import annotations

from components.host_files import api_server, kubeadm
from components.settings import Host
from components.steps.control_planes import ControlPlanes
from components.steps.of_control_plane import control_plane_values, encryption_order
from components.steps.step import Step, StepName, UndoName, Value


def membership_step(host: Host, sponsor: Host, control_planes: ControlPlanes) -> Step:
    """The step on another host: it mints the token, sets taints, drains before an upgrade, takes the node away."""
    settings, last = control_planes.settings, control_planes.last
    is_control_plane = host.role == "control-plane"
    values: dict[str, Value] = {
        "NODE_NAME": host.name,
        "NODE_IP": str(host.internal_ip),
        "NODE_ROLE": host.role,
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        "TAINTS": [] if is_control_plane else [str(taint) for taint in host.taints],
        "IS_GONE": host.gone,
    }
    made = int(last.value(host.name, StepName.MEMBERSHIP, "ATTEMPT") or 0)
    is_read = host.gone or (last.is_member(host.name) and last.has_result(host.name, StepName.MEMBERSHIP))
    return Step(
        StepName.MEMBERSHIP,
        host.name,
        sponsor,
        values,
        # A token lives for minutes: if the update that minted a token did not use it, or could not read the result, the
        # next update mints another.
        again_when={"ATTEMPT": made if is_read else made + 1},
        undo=UndoName.LEAVE,
        returns_secret=True,
    )


def join_step(host: Host, control_planes: ControlPlanes) -> Step:
    """The step on the machine, without the token, which is a secret file."""
    settings, is_control_plane = control_planes.settings, host.role == "control-plane"
    values: dict[str, Value] = {
        "ROLE": host.role,
        "API_SERVER": kubeadm.api_server(settings),
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        **kubeadm.kubelet_digest(settings),
        "IGNORE_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
        "RESET_ON_FAILURE": settings.policy.reset_on_failure,
    }
    if is_control_plane:
        values |= {**control_plane_values(host, control_planes), "API_HOST": settings.name_in_hosts_files}
    return Step(
        StepName.JOIN,
        host.name,
        host,
        values,
        api_server.policy_files(settings) if is_control_plane else (),
        again_when=encryption_order(settings) if is_control_plane else {},
        verifies_on_update=True,
    )
