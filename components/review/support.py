"""Versions and projects without patches, now or soon, and pairs of versions that nobody tests or recommends."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from components.addons.calico import NODE, calico_version, version_of
from components.settings import Settings
from components.settings.manifest_sources import manifest_sources
from components.settings.packages import DISTRIBUTIONS_CONTAINERD
from components.settings.support import CALICO, KUBERNETES, METRICS_SERVER
from components.settings.versions import (
    calico_line,
    metrics_server_version,
    minor_of,
    needs_containerd_2,
    recommended_containerd,
)
from components.steps.step import StepName
from components.steps.wanted import Wanted
from problem import Problem

NOTICE = dt.timedelta(days=60)


def support_warnings(wanted: Wanted, today: dt.date) -> Iterator[Problem]:
    """The warnings about the versions of a stack."""
    version = wanted.settings.cluster.kubernetes_version
    end = near_end(version, today)
    if end:
        yield Problem(
            "cluster.kubernetesVersion",
            expected=f"a minor version of Kubernetes with patches for more than {NOTICE.days} days",
            seen=end,
            next_command=_upgrade(minor_of(version), today),
        )
    yield from _calico(wanted)
    yield from _calico_without_effect(wanted.settings)
    yield from _containerd(wanted)
    yield from _metrics_server(wanted)
    if wanted.settings.dashboard.kind == "kubernetes-dashboard":
        # README of kubernetes-retired/dashboard.
        yield Problem(
            "dashboard.kind",
            expected="a dashboard that gets patches",
            seen="kubernetes-dashboard, whose project was archived on 2026-01-21",
            next_command="set dashboard.kind to headlamp or none; an update takes the old one and admin-user away",
        )


def near_end(version: str, today: dt.date) -> str | None:
    """The end of a Kubernetes version in words; None where the end is more than 60 days away."""
    end = KUBERNETES[minor_of(version)].end
    if end - today > NOTICE:
        return None
    return f"1.{minor_of(version)}, whose patches {'ended' if end < today else 'end'} on {end}"


def _upgrade(minor: int, today: dt.date) -> str:
    later = [f"1.{each}" for each in KUBERNETES if each > minor and not near_end(f"1.{each}.0", today)]
    if not later:
        return "take a version of this project that knows newer ones of Kubernetes"
    return f"upgrade to {' or '.join(later)}, one minor version after the other, with `pulumi up` after each"


def _calico(wanted: Wanted) -> Iterator[Problem]:
    """A Calico that has to be upgraded before Kubernetes, or else one that is not tested with its version."""
    version, running = wanted.settings.cluster.kubernetes_version, wanted.running_versions
    recorded = wanted.last.objects.get(("apps", "DaemonSet", NODE))
    before = version_of(dict(recorded)) if recorded else None
    if before and running and minor_of(running[0]) < minor_of(version) and not _is_tested(before, version):
        yield _moves_first(before, running[0], wanted.settings)
        return
    calico = calico_version(wanted.settings)
    if not (calico and _is_tested(calico, version)):
        yield Problem(
            "calico.version",
            expected=f"a Calico that its makers test with Kubernetes 1.{minor_of(version)}",
            seen=_tested(calico) if calico else "a manifest that names no version of Calico",
            next_command=f"set {_choice(wanted.settings, version)}; other pairs may work",
        )


def _calico_without_effect(settings: Settings) -> Iterator[Problem]:
    """A version of Calico beside a manifest of another version: the manifest counts."""
    calico = settings.calico
    seen = calico_version(settings) if calico.version and calico.manifest_url else calico.version
    if seen != calico.version:
        yield Problem(
            "calico.version",
            expected=f"no version beside calico.manifestUrl, or that of the manifest: {seen or 'it names none'}",
            seen=f"{calico.version}, which has no effect",
            next_command="take calico.version out of the stack file, or calico.manifestUrl and calico.manifestSha256",
        )


def _containerd(wanted: Wanted) -> Iterator[Problem]:
    """Hosts with the package of a distribution, which is containerd 1 in Debian 12 and 13, where Kubernetes needs 2."""
    settings, version = wanted.settings, wanted.settings.cluster.kubernetes_version
    if not needs_containerd_2(version) or settings.containerd.repository:
        return
    packages = {
        host.name: wanted.step(host.name, StepName.PREPARE).variables["CONTAINERD_PACKAGE"]
        for host in settings.hosts.values()
        if not host.gone
    }
    of_distribution = [host for host, package in packages.items() if package == DISTRIBUTIONS_CONTAINERD]
    if of_distribution:
        yield Problem(
            "containerd.package",
            expected=f"containerd {recommended_containerd(version)[0]} or newer, which its makers recommend for"
            f" Kubernetes 1.{minor_of(version)}",
            seen=f"{DISTRIBUTIONS_CONTAINERD} of the distribution on {', '.join(of_distribution)}; that of Debian 12 is"
            " 1.6, of Debian 13 1.7",
            next_command="name the package and a repository that has it, docs/how-to/containerd-package.md",
        )


def _metrics_server(wanted: Wanted) -> Iterator[Problem]:
    """An image of the stack whose version needs a newer Kubernetes; an image without a version is not known."""
    version, image = wanted.settings.cluster.kubernetes_version, wanted.settings.metrics_server.image or ""
    found = re.search(r":v(\d+\.\d+)\.\d+(@.*)?$", image)
    if not (found and wanted.settings.metrics_server.enabled):
        return
    first = {listed.rpartition(".")[0]: minor for minor, listed in METRICS_SERVER.items()}.get(found[1])
    if first is None or first > minor_of(version):
        yield Problem(
            "metricsServer.image",
            expected=f"a metrics-server that its makers support with Kubernetes 1.{minor_of(version)}",
            seen=f"{image}, {f'for 1.{first} and newer' if first else 'of which docs/versions.md says nothing'}",
            next_command=f"remove it: a stack gets {metrics_server_version(version)}; other pairs may work",
        )


def _moves_first(calico: str, old: str, settings: Settings) -> Problem:
    new = settings.cluster.kubernetes_version
    choice = _choice(settings, old, new)
    return Problem(
        "calico.version",
        expected=f"a Calico that is tested with Kubernetes 1.{minor_of(old)} and 1.{minor_of(new)}, before the upgrade",
        seen=f"{_tested(calico)}, in the cluster",
        next_command=f"leave cluster.kubernetesVersion at {old}, set {choice}, `pulumi up`, then upgrade",
    )


def _is_tested(calico: str, kubernetes: str) -> bool:
    line = calico_line(calico)
    return line is not None and line.is_tested_with(minor_of(kubernetes))


def _tested(calico: str) -> str:
    line = calico_line(calico)
    if line is None:
        return f"{calico}, of which docs/versions.md says nothing"
    return f"{calico}, tested with 1.{line.oldest} to 1.{line.newest}"


def _choice(settings: Settings, *kubernetes: str) -> str:
    """The setting of the newest Calico that is tested with the minor versions of all of these."""
    lines = [name for name, line in CALICO.items() if line.is_tested_with(*map(minor_of, kubernetes))]
    listed = [version for version in manifest_sources("calico") if version.rpartition(".")[0] in lines]
    if listed:
        choice = f"calico.version to {listed[-1]}"
        manifest = " in the place of calico.manifestUrl and calico.manifestSha256"
        return choice + manifest if settings.calico.manifest_url else choice
    return f"calico.manifestUrl and calico.manifestSha256 to a manifest of Calico {lines[-1]}"
