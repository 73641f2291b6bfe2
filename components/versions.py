"""What differs between Kubernetes versions, each fact with its source."""

from __future__ import annotations

OLDEST_MINOR = 24
NEWEST_MINOR = 37

PAUSE_TAGS = {24: "3.7", 25: "3.8", 26: "3.9", 31: "3.10", 34: "3.10.1", 36: "3.10.2"}
"""First minor of 1.x with this pause image: kubeadm's `app/constants/constants.go`, PauseVersion."""

FIRST_MINOR_WITH_V1BETA4 = 31
"""v1beta4 exists from 1.31 on, v1beta3 is gone from 1.37 on: kubernetes pull requests 125029 and 136016."""


def minor_of(version: str) -> int:
    """The second number of a version such as "1.36.3"."""
    return int(version.split(".")[1])


def kubeadm_api_version(version: str) -> str:
    """The kubeadm configuration API that this Kubernetes version reads without a warning."""
    return "kubeadm.k8s.io/v1beta4" if minor_of(version) >= FIRST_MINOR_WITH_V1BETA4 else "kubeadm.k8s.io/v1beta3"


def pause_tag(version: str) -> str:
    """Tag of the pause image that kubeadm of this version names."""
    return PAUSE_TAGS[max(first for first in PAUSE_TAGS if first <= minor_of(version))]
