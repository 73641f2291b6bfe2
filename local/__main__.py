"""`python3 -m local COMMAND`, behind the Makefile."""

from __future__ import annotations

import shutil
import sys

from local import cluster, site, toolchain
from local.paths import CACHE
from local.report import step
from problem import StepError


def clean_cache() -> None:
    """Delete the cache: built packages, images, machines' file systems, the tool chain."""
    with step(f"{CACHE} is deleted"):
        shutil.rmtree(CACHE, ignore_errors=True)


def tools() -> None:
    """Install the tool chain, and say how to type its commands."""
    toolchain.install()
    toolchain.say_path()


COMMANDS = {
    "up": cluster.up,
    "refresh": cluster.refresh,
    "unchanged": cluster.unchanged,
    "down": cluster.down,
    "status": cluster.status,
    "preview": cluster.preview,
    "public": cluster.public,
    "tools": tools,
    "site": site.build,
    "clean-cache": clean_cache,
}


OF_A_SIZE = {"up": cluster.up, "preview": cluster.preview}
"""Commands that take a number of control planes."""


def main() -> int:
    """Run a command; exit status 1 after a failure, 130 after an interrupt."""
    name, *more = sys.argv[1:] or [""]
    sizes = [str(count) for count in cluster.CONTROL_PLANES]
    if name not in COMMANDS or len(more) > (name in OF_A_SIZE) or not set(more) <= set(sizes):
        print(
            f"usage: python3 -m local {'|'.join(COMMANDS)}, or {'|'.join(OF_A_SIZE)} {'|'.join(sizes)}", file=sys.stderr
        )
        return 2
    try:
        if more:
            OF_A_SIZE[name](cluster.dev_stack(int(more[0])))
        else:
            COMMANDS[name]()
    except StepError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
