"""Support table: the end of each version, and the versions that belong to each other. Nothing else says them.

`make configuration` writes docs/versions.md from it, with a link to the source of each row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

RELEASES_MD = "https://github.com/containerd/containerd/blob/{commit}/RELEASES.md"
"""containerd's table of recommended versions; a row leaves the table with the end of its Kubernetes version."""


@dataclass(frozen=True)
class Minor:
    """A minor version of Kubernetes.

    Attributes:
        end: last day on which patches are made, as Kubernetes announces it.
        pause: tag of the pause image: PauseVersion in cmd/kubeadm/app/constants/constants.go.
        images: tags of etcd and CoreDNS by the number of the patch: DefaultEtcdVersion and CoreDNSVersion there.
        oldest_containerd: major and minor version of the oldest containerd whose CRI kubelet speaks. kubelet 1.26
            needs CRI v1 (https://kubernetes.io/docs/concepts/architecture/cri/), which containerd has from 1.6 on;
            before, CRI v1alpha2 was enough. 1.37 still accepts 1.x, with a warning of kubeadm: kubernetes pull
            requests 139121 and 139122.
        recommended_containerd: the oldest patch of each line that containerd recommends; empty where it names none.
        containerd_source: page with the recommendation; empty where there is none.
    """

    end: dt.date
    pause: str
    images: Mapping[int, tuple[str, str]]
    oldest_containerd: tuple[int, int]
    recommended_containerd: tuple[str, ...]
    containerd_source: str


def _minor(  # noqa: PLR0917 - a row of a table
    end: str, pause: str, images: Mapping[int, str], oldest: str, recommended: str, commit: str
) -> Minor:
    by_patch = {patch: (tags.split()[0], tags.split()[1]) for patch, tags in images.items()}
    major, _, minor = oldest.partition(".")
    source = RELEASES_MD.format(commit=commit) if commit else ""
    return Minor(
        dt.date.fromisoformat(end), pause, by_patch, (int(major), int(minor)), tuple(recommended.split()), source
    )


KUBERNETES = {
    24: _minor("2023-07-28", "3.7", {3: "3.5.3-0 v1.8.6"}, "1.4", "1.6.4 1.7.0", "1f69774af"),
    25: _minor("2023-10-28", "3.8", {16: "3.5.9-0 v1.9.3"}, "1.4", "1.6.4 1.7.0", "1f69774af"),
    26: _minor("2024-02-28", "3.9", {15: "3.5.10-0 v1.9.3"}, "1.6", "1.6.15 1.7.0", "26b48a6b7"),
    27: _minor("2024-07-16", "3.9", {16: "3.5.12-0 v1.10.1"}, "1.6", "1.6.15 1.7.0", "26b48a6b7"),
    28: _minor("2024-10-22", "3.9", {15: "3.5.15-0 v1.10.1"}, "1.6", "1.6.15 1.7.0", "26b48a6b7"),
    29: _minor("2025-02-28", "3.9", {15: "3.5.16-0 v1.11.1"}, "1.6", "1.6.27 1.7.11", "e29f23e45"),
    30: _minor("2025-07-15", "3.9", {14: "3.5.15-0 v1.11.3"}, "1.6", "1.6.28 1.7.13 2.0.0 2.1.0", "9aebe599e"),
    31: _minor(
        "2025-11-11",
        "3.10",
        {13: "3.5.15-0 v1.11.3", 14: "3.5.24-0 v1.11.3"},
        "1.6",
        "1.6.34 1.7.20 2.0.0 2.1.0",
        "34ba1eac3",
    ),
    32: _minor(
        "2026-03-10",
        "3.10",
        {9: "3.5.16-0 v1.11.3", 13: "3.5.24-0 v1.11.3"},
        "1.6",
        "1.6.36 1.7.24 2.0.1 2.1.0",
        "301026e58",
    ),
    33: _minor(
        "2026-06-28",
        "3.10",
        {5: "3.5.21-0 v1.12.0", 13: "3.5.24-0 v1.12.0"},
        "1.6",
        "1.6.36 1.7.24 2.0.4 2.1.0",
        "301026e58",
    ),
    34: _minor("2026-10-27", "3.10.1", {4: "3.6.5-0 v1.12.1"}, "1.6", "1.6.39 1.7.28 2.0.6 2.1.3", "301026e58"),
    35: _minor("2027-02-28", "3.10.1", {4: "3.6.6-0 v1.13.1"}, "1.6", "1.7.28 2.1.5 2.2.0", "301026e58"),
    36: _minor("2027-06-28", "3.10.2", {1: "3.6.8-0 v1.14.2", 3: "3.6.8-0 v1.14.2"}, "1.6", "2.2.0 2.3.0", "301026e58"),
    37: _minor("2027-10-28", "3.10.2", {2: "3.7.0-0 v1.14.6"}, "1.6", "", ""),
}
"""Minor versions of Kubernetes 1. Ends are those of https://kubernetes.io/releases/, of ended versions those of
data/releases/eol.yaml of kubernetes/website."""

CONTAINERD_ENDS = {
    "1.6": dt.date(2025, 8, 23),
    "1.7": dt.date(2026, 9, 30),
    "2.0": dt.date(2027, 3, 31),
    "2.1": dt.date(2026, 7, 3),
    "2.2": dt.date(2026, 11, 6),
    "2.3": dt.date(2028, 4, 30),
}
"""Last day of patches of the lines of containerd: RELEASES_MD at 301026e58. Distributions may patch for longer."""


@dataclass(frozen=True)
class CalicoLine:
    """The versions of Calico with the same first two numbers. Calico publishes no end of a line.

    Attributes:
        name: the first two numbers.
        oldest: oldest minor version of Kubernetes that its makers test the line with.
        newest: newest minor version of Kubernetes that its makers test the line with.
        registry: registry of the images in manifests/calico-vxlan.yaml of the line.
        source: page with the tested versions.
        images: names of the images in that manifest.
    """

    name: str
    oldest: int
    newest: int
    registry: str
    source: str
    images: tuple[str, ...] = ("cni", "kube-controllers", "node")

    def is_tested_with(self, *minors: int) -> bool:
        """True where the makers test the line with all of these minor versions of Kubernetes."""
        return all(self.oldest <= minor <= self.newest for minor in minors)


_DOCS = "https://github.com/tigera/docs/blob/{0}/calico_versioned_docs/version-{1}"
_OLD_PAGE = f"{_DOCS}/getting-started/kubernetes/requirements.mdx"
_PAGE = f"{_DOCS}/_includes/partials/_system-requirements.mdx"
_LATEST_PAGE = "https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements"

CALICO = {
    line.name: line
    for line in (
        CalicoLine("3.24", 22, 25, "docker.io", _OLD_PAGE.format("ac907188f", "3.24")),
        CalicoLine("3.25", 23, 28, "docker.io", _OLD_PAGE.format("cd3b45c09", "3.25")),
        CalicoLine("3.26", 24, 28, "docker.io", _OLD_PAGE.format("4be19e59e", "3.26")),
        CalicoLine("3.27", 27, 29, "docker.io", _OLD_PAGE.format("1cbc40acc", "3.27")),
        CalicoLine("3.28", 27, 30, "docker.io", _OLD_PAGE.format("6f8ea13d3", "3.28")),
        CalicoLine("3.29", 29, 32, "docker.io", _PAGE.format("f2a276243", "3.29")),
        CalicoLine("3.30", 31, 35, "docker.io", _PAGE.format("f2a276243", "3.30")),
        CalicoLine("3.31", 32, 35, "quay.io", _PAGE.format("f2a276243", "3.31")),
        CalicoLine("3.32", 34, 36, "quay.io", _PAGE.format("f2a276243", "3.32")),
        # One image in place of thirteen: https://docs.tigera.io/calico/latest/operations/upgrading/upgrade-notes.
        CalicoLine("3.33", 35, 37, "quay.io", _LATEST_PAGE, images=("calico", "node")),
    )
}
"""Lines of Calico, the oldest first, by their first two numbers."""

METRICS_SERVER = {24: "0.6.4", 27: "0.7.2", 31: "0.8.1", 34: "0.9.0"}
"""metrics-server by the first minor version of Kubernetes that gets it: README.md of its 0.9.0. There 0.6 begins with
1.25, in its own README.md with 1.19."""
METRICS_SERVER_SOURCE = "https://github.com/kubernetes-sigs/metrics-server/blob/v0.9.0/README.md#compatibility-matrix"
