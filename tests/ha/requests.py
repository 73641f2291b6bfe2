"""Requests to the API from a worker, while something happens to the control planes."""

from __future__ import annotations

import base64
import itertools
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.ha.machines import HA, WORKER, on_machine

ENDPOINT = f"https://api.{HA.name}.internal:6443"
AFTERMATH_SECONDS = 15
SCRIPT = Path(__file__).with_name("requests.sh")


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        what: `read` or `write`.
        number: of the turn, and the content of a write.
        began: seconds since 1970; all machines have one clock.
        status: HTTP status, or 000 without an answer.
        seconds: how long it took.
    """

    what: str
    number: int
    began: float
    status: str
    seconds: float

    @classmethod
    def of(cls, line: str) -> Request:
        """The request of a line of the log."""
        what, number, began, status, seconds = line.split()
        return cls(what, int(number), float(began), status, float(seconds))

    @property
    def has_failed(self) -> bool:
        """True without an answer, or with an error."""
        return not self.status.startswith("2")

    @property
    def ended(self) -> float:
        """Seconds since 1970."""
        return self.began + self.seconds


@dataclass
class Requests:
    """The requests of a while.

    Attributes:
        name: of the object that is written.
        sent: in their order; they are there after the while.
    """

    name: str
    sent: list[Request] = field(default_factory=list)

    @property
    def directory(self) -> str:
        """The directory on the worker with the program that sends requests, and its log."""
        return f"/var/lib/{self.name}"

    def so_far(self) -> list[Request]:
        """Requests that have ended, in order."""
        return [Request.of(line) for line in on_machine(WORKER, f"cat {self.directory}/requests.log").splitlines()]

    @property
    def failed(self) -> list[Request]:
        """Requests without an answer, or with an error."""
        return [each for each in self.sent if each.has_failed]

    @property
    def dropped(self) -> list[Request]:
        """Writes that ended with status 500: etcd drops a write that reaches it while its leadership moves."""
        return [each for each in self.failed if (each.what, each.status) == ("write", "500")]

    @property
    def written(self) -> int:
        """The last number whose write was acknowledged."""
        return max((each.number for each in self._writes), default=0)

    def silence(self, moment: float) -> float:
        """The longest time between two writes that were acknowledged, in seconds, of those from about a moment on.

        Args:
            moment: seconds since 1970, when something happened whose effect may begin later by AFTERMATH_SECONDS.
        """
        ends = [each.ended for each in self._writes]
        gaps = [(a, b) for a, b in itertools.pairwise(ends) if b > moment and a < moment + AFTERMATH_SECONDS]
        return max((later - earlier for earlier, later in gaps), default=0)

    def __str__(self) -> str:
        """The figures in one line."""
        slowest = max((each.seconds for each in self.sent), default=0)
        return f"{len(self.sent)} requests, {len(self.failed)} failed, the slowest {slowest:.1f} s"

    @property
    def _writes(self) -> list[Request]:
        return [each for each in self.sent if each.what == "write" and not each.has_failed]


@contextmanager
def requests(
    control_plane: str = "node1", server: str = ENDPOINT, within: Sequence[str] = (), script: Path = SCRIPT
) -> Iterator[Requests]:
    """Requests until the end of the block; their figures are there after it. Several servers may get requests at once.

    Args:
        control_plane: whose admin.conf they use; a renewal revokes the user of the stack's kubeconfig.
        server: URL of the API, by default with the name of its endpoint.
        within: words of a command that runs them, such as in the network of a pod.
        script: asks, and writes a line for each request as requests.sh does.
    """
    kubeconfig = yaml.safe_load(on_machine(control_plane, "cat /etc/kubernetes/admin.conf"))
    user, cluster = kubeconfig["users"][0]["user"], kubeconfig["clusters"][0]["cluster"]
    found = Requests("requests-" + re.sub("[^a-z0-9]+", "-", server.partition("//")[2]))
    directory = found.directory
    files = {
        "ca.crt": cluster["certificate-authority-data"],
        "client.crt": user["client-certificate-data"],
        "client.key": user["client-key-data"],
        "requests.sh": base64.b64encode(script.read_bytes()).decode(),
    }
    on_machine(WORKER, f"rm -rf {directory}; mkdir -p {directory}; touch {directory}/requests.log")
    for name, content in files.items():
        on_machine(WORKER, f"base64 --decode >{directory}/{name} <<<'{content}'")
    variables = ("--env", f"API_SERVER={server}", "--env", f"NAME={found.name}")
    command = ["podman", "exec", *variables, HA.container(WORKER), *within, "bash", f"{directory}/requests.sh"]
    with subprocess.Popen(command) as process:
        try:
            yield found
        finally:
            on_machine(WORKER, f"touch {directory}/stop")
            process.wait(timeout=60)
    found.sent = found.so_far()
    assert found.sent, "no request was sent"
