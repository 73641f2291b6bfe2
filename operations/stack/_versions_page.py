"""The page of versions: the support table, as Markdown."""

from __future__ import annotations

from components.settings.cluster import Cluster
from components.settings.manifest_sources import manifest_sources
from components.settings.support import CALICO, CONTAINERD_ENDS, KUBERNETES, METRICS_SERVER_SOURCE, CalicoLine, Minor
from components.settings.versions import metrics_server_version, needs_containerd_2
from operations.stack._markdown import table

INTRODUCTION = """\
# Versions

Written by `make configuration` from `components/settings/support.py`; do not edit it here.

A preview warns from 60 days before the end of a Kubernetes version, of a Calico that its makers do not test with it,
and of a Calico that has to move before Kubernetes is upgraded. Such pairs are not refused: they may work. A workflow
runs `make support` each week, which fails when the end of the default version, {default}, is near.
"""
KUBERNETES_TEXT = """\
## Kubernetes

A version gets no patches after its end. A patch that is not listed has the etcd and CoreDNS of the one before it.
kubelet speaks to no containerd that is older than the oldest; containerd itself recommends the versions in the column
after it, and later patches of these lines. Both columns link to their sources. From {minor} on it recommends no
1.x: there a new host [gets Docker's package](how-to/containerd-package.md), unless the stack says otherwise.
metrics-server is the one that a stack gets where `metricsServer.image` names no other.
"""
CALICO_TEXT = """\
## Calico

Its makers test the pairs below, and say that others may work. The registry is the one in the manifest; `images.rewrite`
replaces it. `calico.version` takes the versions of `manifests/sources.yaml`, `calico.manifestUrl` any other.
"""
CONTAINERD_TEXT = """\
## containerd

The last day of patches by [its makers](https://github.com/containerd/containerd/blob/301026e58/RELEASES.md).
Distributions may patch their packages for longer.
"""
ENDS = "[End](https://kubernetes.io/releases/patch-releases/)"
COLUMNS = ("Kubernetes", ENDS, "etcd, CoreDNS", "Pause", "Oldest containerd", "Recommended", "Tested Calico")
CONSTANTS = "https://github.com/kubernetes/kubernetes/blob/v{version}/cmd/kubeadm/app/constants/constants.go"


def versions_page() -> str:
    """The whole page."""
    parts = [
        INTRODUCTION.format(default=Cluster.model_fields["kubernetes_version"].default),
        KUBERNETES_TEXT.format(minor=f"1.{min(minor for minor in KUBERNETES if needs_containerd_2(f'1.{minor}.0'))}"),
        table(
            (*COLUMNS, f"[metrics-server]({METRICS_SERVER_SOURCE})"),
            (_minor(minor, row) for minor, row in KUBERNETES.items()),
        ),
        CALICO_TEXT,
        table(
            ("Calico", "Tested with Kubernetes", "Registry", "Images", "`calico.version`"),
            (_line(line) for line in CALICO.values()),
        ),
        CONTAINERD_TEXT,
        table(("containerd", "End"), ((line, str(end)) for line, end in CONTAINERD_ENDS.items())),
    ]
    return "\n".join(parts)


def _minor(minor: int, row: Minor) -> tuple[str, ...]:
    recommended = ", ".join(row.recommended_containerd)
    return (
        f"1.{minor}",
        str(row.end),
        "; ".join(_images(f"1.{minor}.{patch}", *tags) for patch, tags in row.images.items()),
        row.pause,
        ".".join(map(str, row.oldest_containerd)),
        f"[{recommended}]({row.containerd_source})" if recommended else "not published",
        ", ".join(name for name, line in CALICO.items() if line.is_tested_with(minor)),
        metrics_server_version(f"1.{minor}.0"),
    )


def _images(version: str, etcd: str, coredns: str) -> str:
    return f"[{version}]({CONSTANTS.format(version=version)}): {etcd}, {coredns}"


def _line(line: CalicoLine) -> tuple[str, ...]:
    listed = [version for version in manifest_sources("calico") if version.rpartition(".")[0] == line.name]
    return (
        line.name,
        f"[1.{line.oldest} to 1.{line.newest}]({line.source})",
        line.registry,
        ", ".join(line.images),
        ", ".join(listed) or "none",
    )
