"""Changes of the keys of Secrets: what is refused, and what the plan says."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings.encryption import NOT_ENCRYPTED
from components.steps.step import StepName
from components.steps.wanted import Wanted

ORDER = "ENCRYPTION_ORDER"


def lost_keys(wanted: Wanted) -> Iterator[str]:
    """A line for each key that is taken away while a control plane of the last update writes, or may write, with it."""
    encryption, last = wanted.settings.cluster.encryption, wanted.last
    for host in wanted.control_planes.members:
        recorded = (last.value(host.name, wanted.node_step(host), ORDER) or "").split()
        removed = {*recorded} - {*(encryption.order if encryption else ())} - {NOT_ENCRYPTED}
        writer = last.value(host.name, StepName.ENCRYPTION, "WRITER")
        if not removed or (writer and writer not in removed):
            continue
        listed, seen = ", ".join(sorted(removed)), f"{host.name} writes Secrets with {writer or recorded[0]}"
        if encryption:
            yield f"cluster.encryption.keys: {listed} is missing, and {seen}; write it back, the last one, `pulumi up`"
        else:
            yield f"cluster.encryption: missing, and {seen}; write it back, with `enabled: false`, `pulumi up`"


def keys_of_leaving(wanted: Wanted) -> Iterator[str]:
    """A line where keys change while a control plane leaves, which serves until the update ends, without these keys."""
    leaving = ", ".join(wanted.control_planes.leaving)
    if leaving and _changed_hosts(wanted):
        yield (
            "cluster.encryption: a control plane that leaves the stack serves until the update ends, without new keys,"
            f" found {leaving}; that takes two updates: write the line back, `pulumi up`, then delete it"
        )


def key_changes(wanted: Wanted) -> Iterator[str]:
    """A line for control planes whose keys change."""
    encryption = wanted.settings.cluster.encryption
    hosts = ", ".join(_changed_hosts(wanted))
    if not hosts:
        return
    if encryption is None:
        yield f"{hosts}: the API server restarts without keys of Secrets, which are removed"
        return
    what = f"encrypted with {encryption.order[0]}" if encryption.enabled else "decrypted"
    keys = ", ".join(key.name for key in encryption.keys)
    yield f"{hosts}: each API server restarts, and once more when all of them read with {keys}: every Secret is {what}"


def _changed_hosts(wanted: Wanted) -> list[str]:
    return [
        host.name
        for host in wanted.control_planes.members
        if ORDER in wanted.changed_variables(host.name, wanted.node_step(host))
    ]
