"""Processes of this host."""

from __future__ import annotations

import os
import time
from pathlib import Path


def runs(process: int | None, since: float) -> bool:
    """True where a process runs that began before a time, in seconds since 1970; a zombie does not run.

    Numbers of processes come again: one that began later is another one.
    """
    try:
        # proc(5): the state is the first field behind the name, in parentheses, and the start the twentieth.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        up_seconds = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return False
    began = time.time() - up_seconds + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return fields[0] != "Z" and began <= since
