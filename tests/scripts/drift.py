"""Parts of the step `drift`, without the others and what these need of a machine."""

from __future__ import annotations

from pathlib import Path

from tests.scripts.machine import Machine

LOOK = "look"
"""The name of the step."""
KUBELET = "/etc/systemd/system/kubelet.service.d"
"""Drop-ins of the kubelet that the owner of a machine wrote."""
OF_PACKAGE = (Path(__file__).parents[2] / "local" / "mirror" / "files" / "10-kubeadm.conf").read_text()
"""The drop-in of kubeadm's package."""


def make_look(machine: Machine, *commands: str) -> None:
    """Make the step of functions of scripts/steps/drift.sh, in this order."""
    machine.script(
        LOOK,
        '. "$LIBRARY/lib/lib.sh"\nsed --in-place "/^format=/,$ d" "$LIBRARY/steps/drift.sh"\n'
        '. "$LIBRARY/steps/drift.sh"\n' + "\n".join(commands),
    )


def drift(machine: Machine, *commands: str) -> str:
    """What `make drift` shows of a machine by these functions, with the paths that the machine has itself."""
    make_look(machine, *commands)
    finished = machine.run(LOOK)
    assert finished.status == 0, finished.stderr
    return finished.stdout.replace(str(machine.root), "")
