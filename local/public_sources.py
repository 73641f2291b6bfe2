"""Public package repositories and image registries: the check that this host reaches them, and settings that use them.

A stack uses the Kubernetes repository and the registries by default (components/settings).
containerd comes from Docker's repository: Kubernetes 1.36 needs containerd 2, and Debian 12 and 13 have 1.6 and 1.7.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from urllib.parse import urlsplit

from local.machines.debian_sources import CODENAMES
from local.paths import REPOSITORY
from local.report import say

TIMEOUT_SECONDS = 4
"""Time limit of all requests together, which run at the same time."""

KUBERNETES = "https://pkgs.k8s.io/core:/stable:/v{minor}/deb/Release"
REGISTRIES = ("https://registry.k8s.io/v2/", "https://registry-1.docker.io/v2/", "https://quay.io/v2/")
CONTAINERD = "https://download.docker.com/linux/debian"
CONTAINERD_FINGERPRINT = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
"""Fingerprint of the key CONTAINERD/gpg: https://docs.docker.com/engine/install/debian/, "Install from a package"."""


def sources_of(kubernetes: str, debian: int) -> list[str]:
    """An address of each public source that a stack needs; a source that can be used answers.

    Args:
        kubernetes: version of Kubernetes.
        debian: release of the machines.
    """
    # The standard library has no YAML parser; a test compares this with a parser.
    manifests = re.findall(r"(?m)^ *url: (\S+)$", (REPOSITORY / "manifests" / "sources.yaml").read_text())
    containerd = f"{CONTAINERD}/dists/{CODENAMES[debian]}/Release"
    return [KUBERNETES.format(minor=kubernetes.rpartition(".")[0]), *REGISTRIES, containerd, *manifests]


def are_reachable(sources: Sequence[str], timeout_seconds: float = TIMEOUT_SECONDS) -> bool:
    """True where this host reaches every source, so that machines can use them; a line of output reports the result."""
    pool = ThreadPoolExecutor(len(sources))
    answers = {pool.submit(_answers, source, timeout_seconds): source for source in sources}
    finished, _ = wait(answers, timeout_seconds)
    # A silent name server holds a request longer than the timeout of the request.
    pool.shutdown(wait=False, cancel_futures=True)
    silent = [source for request, source in answers.items() if request not in finished or not request.result()]
    if silent:
        names = ", ".join(dict.fromkeys(urlsplit(source).netloc for source in silent))
        say(f"  Machines install from a local mirror: {names} cannot be reached from this host.")
    else:
        say("  Machines install from the public sources: this host reaches all of them.")
    return not silent


def settings(debian: int) -> dict[str, str]:
    """Settings of a stack that installs from the public sources, as paths and values of `pulumi config set --path`."""
    return {
        "containerd.package": "containerd.io",
        "containerd.repository.url": CONTAINERD,
        "containerd.repository.suite": CODENAMES[debian],
        "containerd.repository.components[0]": "stable",
        "containerd.repository.keyring": f"{CONTAINERD}/gpg",
        "containerd.repository.fingerprint": CONTAINERD_FINGERPRINT,
    }


def _answers(source: str, timeout_seconds: float) -> bool:
    """True where the source itself answers. A registry answers with 401 before a login."""
    # Machines do not use the proxy of this host.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(source, timeout=timeout_seconds).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code == http.client.UNAUTHORIZED
    except (OSError, http.client.HTTPException):
        return False
    return True
