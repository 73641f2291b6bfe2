"""Processes of this host."""

from __future__ import annotations

from pathlib import Path


def runs(process: int | None, program: str) -> bool:
    """True where a process runs a program; a zombie does not run.

    Numbers of processes come again within minutes, also as those of threads: the number alone says nothing of a process
    that was killed. proc(5) has the fields.

    Args:
        process: its number.
        program: name of its executable file, of at most 15 characters.
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return False
    facts = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return facts["Name"] == program and facts["Tgid"] == str(process) and not facts["State"].startswith("Z")
