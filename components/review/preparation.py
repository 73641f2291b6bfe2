"""Changes of the preparation of a host, and of the connections to hosts, as lines of the plan."""

from __future__ import annotations

from collections.abc import Iterator

from components.host_files import effect_of
from components.host_files.containerd import registries_with_password
from components.settings import Host
from components.steps.connection import changed_ssh_settings
from components.steps.step import Step, StepName
from components.steps.wanted import Wanted

SETTINGS = {
    "KEYRINGS": "keyring or fingerprint of a package repository",
    "MINIMUM_FREE_DISK_MIB": "system.minimumFreeDiskMib",
    "MINIMUM_MEMORY_MIB": "system.minimumMemoryMib",
    "IGNORE_PREFLIGHT_ERRORS": "cluster.ignorePreflightErrors",
    "NODE_LEAVES_FIRST": "policy.resetOnDestroy",
}
"""Settings that end in no file of a host, by the variable that carries them."""


def preparation_changes(host: Host, wanted: Wanted) -> Iterator[str]:
    """A line for each file, package and setting that changes on a host that was prepared before."""
    step = wanted.step(host.name, StepName.PREPARE)
    recorded = wanted.last.step(*step.key)
    if recorded is None:
        return
    if not wanted.is_unchanged(step):
        before, after = recorded.inputs.digests, step.digests
        paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
        lines = (effect_of(path).line(path, was_there=path in before, is_there=path in after) for path in paths)
        for line in dict.fromkeys(lines):
            yield f"{host.name}: {line}"
        changed = wanted.changed_variables(*step.key)
        if "CONTAINERD_PACKAGE" in changed:
            yield _containerd_package(host, wanted)
        edited = wanted.edited_variables(*step.key)
        settings = [setting for variable, setting in SETTINGS.items() if variable in edited]
        if settings:
            yield f"{host.name}: {_change(settings)}: preparation runs again"
        # The plan has a single line about new scripts, for all hosts.
        elif not paths and changed - {"SCRIPTS_VERSION", "CONTAINERD_PACKAGE"}:
            yield f"{host.name}: preparation runs again, no file changes"
    elif not wanted.reaches_same_machine(step):
        yield f"{host.name}: SSH address, user, port or host key changes: preparation runs again"


def connection_changes(wanted: Wanted) -> Iterator[str]:
    """A line for hosts whose steps run again because SSH settings of all hosts change."""
    again: dict[str, dict[str, list[str]]] = {}
    for step in wanted.steps.values():
        recorded = wanted.last.step(*step.key)
        if recorded and not step.host.gone and _follows_connection(step, wanted):
            settings = changed_ssh_settings(recorded.connection, wanted.settings.ssh)
            if settings:
                again.setdefault(step.subject, {}).setdefault(_change(settings), []).append(step.name)
    hosts: dict[str, list[str]] = {}
    for host, steps_of in again.items():
        for change, steps in steps_of.items():
            text = f"{change}: {', '.join(steps)} run{'s' if len(steps) == 1 else ''} again, nothing restarts"
            hosts.setdefault(text, []).append(host)
    yield from (f"{', '.join(names)}: {text}" for text, names in hosts.items())


def _follows_connection(step: Step, wanted: Wanted) -> bool:
    """True for a step that any change of its connection runs again: its command has an undo, or secret files."""
    has_secrets = {
        StepName.REPOSITORIES: True,
        StepName.IMAGES: bool(registries_with_password(wanted.settings)),
        StepName.INIT: wanted.settings.cluster.encryption is not None,
    }
    return step.undo is not None or has_secrets.get(step.name, False)


def _containerd_package(host: Host, wanted: Wanted) -> str:
    before = wanted.last.value(host.name, StepName.PREPARE, "CONTAINERD_PACKAGE")
    after = wanted.step(host.name, StepName.PREPARE).variables["CONTAINERD_PACKAGE"]
    return (
        f"{host.name}: containerd is the package {after} instead of {before}; no update takes the place of a package:"
        " docs/how-to/containerd-package.md"
    )


def _change(settings: list[str]) -> str:
    return f"{', '.join(settings)} change{'s' if len(settings) == 1 else ''}"
