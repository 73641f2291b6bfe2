"""A machine whose fake programs keep their state, which is brought to a snapshot before each run."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from components.settings.system import SYSCTLS_OF_THE_GUIDE
from components.steps.remote import CREATE
from tests.crash_points.snapshot import Snapshot, taken
from tests.crash_points.tracer import Tracer
from tests.scripts.machine import Finished, Machine

PROGRAMS = Path(__file__).parent / "programs"
OF_FILES = ("kubectl", "kubeadm", "crictl")
OF_MACHINE = (
    *(
        "systemctl",
        "apt-get",
        "apt-mark",
        "apt-cache",
        "dpkg-query",
        "containerd",
        "gpg",
        "curl",
        "hostname",
        "openssl",
    ),
    *("hostnamectl", "modprobe", "sysctl", "swapon", "swapoff", "df", "stat", "ip", "iptables-save", "ip6tables-save"),
    *("networkctl", "ctr", "date", "iptables-restore", "ip6tables-restore", "sleep", "journalctl", "nproc"),
)
LIMIT_SECONDS = 600
"""Time after which a run is taken for a run that hangs: a traced run on a busy machine takes minutes."""
FSTAB = "UUID=1 / ext4 errors=remount-ro 0 1\nUUID=2 none swap sw 0 0\n"
HOSTS = "127.0.0.1\tlocalhost\n127.0.1.1\ttemplate\n192.0.2.99\thers\n"
FACTS = {
    "hostname": "template",
    "swap": "/dev/sda2 partition 1G",
    "links": "lo UNKNOWN\nvxlan.calico UP\ncali1@if2 UP",
    "rules/iptables-save": "*filter\n:KUBE-X - [0:0]\n-A INPUT -j hers\n-A INPUT -j KUBE-X\n-A KUBE-X\nCOMMIT\n",
    "rules/ip6tables-save": "-A INPUT -j hers",
}

Session = Callable[["subprocess.Popen[str]"], None]
"""Acts on a run while it runs."""


@dataclass(frozen=True)
class Run:
    """A text that the program or `make repair` sends to a machine, and the argument `create`, `verify` or `delete`."""

    text: str
    mode: str = "create"


class World:
    """A Debian machine before its first step: swap, a host name of its template, no package of ours.

    Attributes:
        machine: the machine.
        now: its files, as they were read last.
    """

    def __init__(self, directory: Path, *, has_cluster_elsewhere: bool) -> None:
        root = directory / "machine"
        root.mkdir(parents=True)
        self.machine = machine = Machine(root)
        for name in (*OF_FILES, *OF_MACHINE):
            machine.stub(name, f'. "{PROGRAMS}/lib.sh"\n. "{PROGRAMS}/{name if name in OF_FILES else "machine"}.sh"')
        machine.path("/proc/uptime").unlink()
        machine.write("/proc/uptime", "1000.00 0\n")
        machine.write("/proc/filesystems", "nodev\tproc\n")
        machine.write("/proc/meminfo", "MemTotal:        2097152 kB\n")
        for name in SYSCTLS_OF_THE_GUIDE:
            machine.write(f"/proc/sys/{name.replace('.', '/')}", "0\n")
        machine.write("/sys/fs/cgroup/cgroup.controllers", "memory\n")
        machine.write("/dev/kmsg", "")
        for directory_there in ("/run/systemd/system", "/var/lib", "/etc/apt/sources.list.d"):
            machine.path(directory_there).mkdir(parents=True)
        for path, content in {
            "fstab": FSTAB,
            "hosts": HOSTS,
            "machine-id": "0123\n",
            "resolv.conf": "nameserver 192.0.2.53\n",
        }.items():
            machine.write(f"/etc/{path}", content)
        for name, content in FACTS.items():
            machine.write(f"/world/{name}", f"{content}\n")
        if has_cluster_elsewhere:
            machine.write("/world/cluster/objects/kubelet-config", "configuration\n")
        machine.install()
        self.now = taken(root)

    def look(self) -> Snapshot:
        """The files of the machine, read now."""
        self.now = taken(self.machine.root, self.now)
        return self.now

    def restore(self, snapshot: Snapshot) -> None:
        """Bring the machine to a snapshot; its files were read after its last run."""
        self.now = snapshot.written(self.machine.root, self.now)

    def run(self, run: Run, environment: Mapping[str, str] | None = None, during: Session | None = None) -> Finished:
        """Send a text, and wait until all its processes have ended."""
        process = subprocess.Popen(
            self._command(run),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.machine.root,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            if during:
                during(process)
                stdout, stderr = "", ""
                process.wait(timeout=LIMIT_SECONDS)
            else:
                stdout, stderr = process.communicate(run.text, timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        self._wait_for_lock()
        return Finished(process.returncode, stdout, stderr)

    def run_traced(self, run: Run, tracer: Tracer, environment: Mapping[str, str] | None = None) -> Finished:
        """Send a text, and end its run at the point of the tracer."""
        return tracer.run(self._command(run), run.text, environment)

    def _command(self, run: Run) -> list[str]:
        if run.mode == "delete":  # of a host that leaves, which each update announces
            self.machine.path("/run/pulumi-kubeadm").mkdir(mode=0o700, parents=True, exist_ok=True)
            self.machine.write("/run/pulumi-kubeadm/leaving/node2", "")
        return [*CREATE.removeprefix("sudo -n ").split(), *([] if run.mode == "create" else ["--", run.mode])]

    def _wait_for_lock(self) -> None:
        """Wait for the lock of the machine, which each process of a run holds."""
        lock = self.machine.path("/run/pulumi-kubeadm/lock")
        if lock.exists():
            with lock.open() as held:
                fcntl.flock(held, fcntl.LOCK_EX)
