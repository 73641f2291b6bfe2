"""Leftovers in podman of checkouts that were deleted: no command of such a checkout deletes them any more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.machines.engine import LABEL, podman


def remove_leftovers() -> None:
    """Delete the containers, their volumes, and the networks of checkouts whose directory is gone.

    Names and addresses of local machines are the same in every checkout, so a leftover would block them.

    Raises:
        StepError: podman failed.
    """
    step = "remove what deleted checkouts have left"
    for container in _listed("ps", "--all", step=step):
        if _was_left(container.get("Labels") or {}):
            _remove_container(container["Id"], step)
    for network in _listed("network", "ls", step=step):
        if _was_left(network.get("labels") or {}):
            podman("network", "rm", network["name"], step=step)


def _listed(*command: str, step: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(podman(*command, "--format", "json", step=step) or "null") or []
    return found


def _was_left(labels: dict[str, str]) -> bool:
    _environment, _, checkout = labels.get(LABEL, "").partition(" ")
    return bool(checkout) and not Path(checkout).exists()


def _remove_container(identity: str, step: str) -> None:
    mounts = json.loads(podman("inspect", "--type", "container", identity, step=step))[0]["Mounts"]
    podman("rm", "--force", "--time", "0", identity, step=step)
    volumes = [mount["Name"] for mount in mounts if mount["Type"] == "volume"]
    if volumes:
        podman("volume", "rm", "--force", *volumes, step=step)
