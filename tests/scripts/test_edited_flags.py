"""Flags of the kubelet that somebody edited are shown before an upgrade, and shown or named in a warning after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scripts.cluster import DISCOVERY, ETCD, NODE_IS_READY, STATE, UPGRADE, VALUES
from tests.scripts.machine import Finished, Machine

FLAGS = "/var/lib/kubelet/kubeadm-flags.env"
COPY = f"{STATE}/written-by-kubeadm/kubeadm-flags.env"
WRITTEN = 'ARGS="--a=1 --gone=2"\n'
EDITED = 'ARGS="--a=1 --gone=2 --hers=3"\n'


def upgraded_control_plane(machine: Machine) -> Finished:
    """How an upgrade ends that saves nothing, and whose packages are there."""
    machine.stub(
        "crictl",
        f'{ETCD}case "$*" in\n*"ps --quiet"*apiserver*) cat "$ROOT/restarts" 2>/dev/null | sha256sum ;;\n'
        'stop*) echo >>"$ROOT/restarts" ;;\nesac',
    )
    machine.replace("parts/control_plane/upgrade", '  make_bundle "before-$KUBERNETES_VERSION"\n', "  BUNDLE=x\n")
    for function in ("install_held kubeadm", "upgrade_node\n  let_clients_in"):
        machine.replace("parts/control_plane/upgrade", function, f": {function}")
    return machine.send(machine.text("init", UPGRADE), "verify")


def upgraded_worker(machine: Machine) -> Finished:
    """Likewise of a worker, whose node has the old version until its kubelet restarts."""
    machine.write("/etc/kubernetes/kubelet.conf", "")
    machine.write(f"{STATE}/kubelet-configuration", VALUES["KUBELET_CONFIGURATION_SHA256"])
    version = "if [[ $* == *kubeletVersion* ]]; then cat $ROOT/version; exit; fi"
    machine.write("/version", "v1.36.3")
    machine.stub("kubectl", f"{version}\n{NODE_IS_READY}")
    machine.stub("systemctl", '[[ $1 != restart ]] || printf v1.36.4 >"$ROOT/version"')
    machine.stub("crictl")
    machine.stub("curl", "printf 200")
    for packages in ("  install_held kubeadm\n", "  install_held kubelet kubectl\n"):
        machine.replace("parts/join/worker", packages, "")
    return machine.run("join", UPGRADE, DISCOVERY)


@pytest.mark.parametrize("upgraded", [upgraded_control_plane, upgraded_worker])
@pytest.mark.parametrize(
    ("edited", "taken", "warning"),
    [
        (WRITTEN, "", ""),
        (WRITTEN, " --gone=2", ""),
        (EDITED, "", "keeps what somebody edited: make drift STACK=... HOST=node1\n"),
        (EDITED, " --gone=2", "which somebody edited, counts as kubeadm's from now on: it lacks --gone\n"),
    ],
)
def test_an_upgrade_warns_of_each_edited_flag(
    running: Machine, upgraded: Callable[[Machine], Finished], edited: str, taken: str, warning: str
) -> None:
    """kubeadm takes away what the new kubelet does not know, which a repair may not bring back, and leaves the rest."""
    running.write(COPY, WRITTEN)
    running.write(FLAGS, edited)
    running.stub("kubeadm", f'[[ "$1{taken}" != "upgrade --"* ]] || sed --in-place "s/{taken}//" "$ROOT{FLAGS}"')
    finished = upgraded(running)
    assert finished.status == 0, finished.stderr
    assert warning in finished.stderr
    assert ("edited" in finished.stderr) == bool(warning)
    left = edited.replace(taken, "")
    assert running.path(FLAGS).read_text() == left
    assert running.path(COPY).read_text() == (WRITTEN if "keeps" in warning else left), "what drift compares with"
