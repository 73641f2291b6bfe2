"""The steps of a worker: `membership` on the control plane, and `join` on the machine."""

from __future__ import annotations

from components.host_files import kubeadm
from components.settings import Host, Settings
from components.steps.last_update import LastUpdate
from components.steps.step import Step, StepName, UndoName, Value


def membership_step(host: Host, settings: Settings, last: LastUpdate) -> Step:
    """The step on the control plane: it mints the token, sets taints, drains before an upgrade, removes the node."""
    values: dict[str, Value] = {
        "WORKER_NAME": host.name,
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        "TAINTS": [str(taint) for taint in host.taints],
    }
    return Step(
        StepName.MEMBERSHIP,
        host.name,
        settings.control_plane,
        values,
        # A token lives for minutes: if the update that minted a token did not use it, the next update mints another.
        again_when={"ATTEMPT": _attempt(host, last)},
        undo=UndoName.LEAVE,
        returns_secret=True,
    )


def join_step(host: Host, settings: Settings) -> Step:
    """The step on the machine, without the token, which is a secret file."""
    values: dict[str, Value] = {
        "API_SERVER": kubeadm.api_server(settings),
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        **kubeadm.kubelet_digest(settings),
        "IGNORE_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
        "RESET_ON_FAILURE": settings.policy.reset_on_failure,
    }
    return Step(StepName.JOIN, host.name, host, values, verifies_on_update=True)


def _attempt(host: Host, last: LastUpdate) -> int:
    made = int(last.value(host.name, StepName.MEMBERSHIP, "ATTEMPT") or 0)
    return made if last.is_member(host.name) else made + 1
