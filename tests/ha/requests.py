"""Requests to the API from a worker, while something happens to the control planes."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.ha.machines import HA, WORKER, on_machine

DIRECTORY = "/var/lib/requests"
ENDPOINT = f"https://api.{HA.name}.internal:6443"
SCRIPT = Path(__file__).with_name("requests.sh")


@dataclass
class Requests:
    """The requests of a while.

    Attributes:
        failed: lines of requests without an answer, or with an error.
        count: number of requests.
        slowest: seconds of the slowest request.
    """

    failed: list[str] = field(default_factory=list)
    count: int = 0
    slowest: float = 0

    def __str__(self) -> str:
        """The figures in one line."""
        return f"{self.count} requests, {len(self.failed)} failed, the slowest {self.slowest:.1f} s"


@contextmanager
def requests(control_plane: str = "node1", server: str = ENDPOINT, script: Path = SCRIPT) -> Iterator[Requests]:
    """Requests until the end of the block; their figures are there after it.

    Args:
        control_plane: whose admin.conf they use; a renewal revokes the user of the stack's kubeconfig.
        server: URL of the API, by default with the name of its endpoint.
        script: asks, and writes a line for each request as requests.sh does.
    """
    kubeconfig = yaml.safe_load(on_machine(control_plane, "cat /etc/kubernetes/admin.conf"))
    user, cluster = kubeconfig["users"][0]["user"], kubeconfig["clusters"][0]["cluster"]
    files = {
        "ca.crt": cluster["certificate-authority-data"],
        "client.crt": user["client-certificate-data"],
        "client.key": user["client-key-data"],
        "requests.sh": base64.b64encode(script.read_bytes()).decode(),
    }
    on_machine(WORKER, f"rm -rf {DIRECTORY}; mkdir -p {DIRECTORY}; touch {DIRECTORY}/requests.log")
    for name, content in files.items():
        on_machine(WORKER, f"base64 --decode >{DIRECTORY}/{name} <<<'{content}'")
    command = ["podman", "exec", "--env", f"API_SERVER={server}", HA.container(WORKER), "bash"]
    found = Requests()
    with subprocess.Popen([*command, f"{DIRECTORY}/requests.sh"]) as process:
        try:
            yield found
        finally:
            on_machine(WORKER, f"touch {DIRECTORY}/stop")
            process.wait(timeout=60)
    for line in on_machine(WORKER, f"cat {DIRECTORY}/requests.log").splitlines():
        _, _, status, seconds = line.split()
        found.count += 1
        found.slowest = max(found.slowest, float(seconds))
        if not status.startswith("2"):
            found.failed.append(line)
