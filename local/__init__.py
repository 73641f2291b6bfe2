"""The embedded default: tool chain, mirror and machines on this host.

The package imports nothing of `components/`: both meet in the stack file only. It needs the standard library only,
because it runs before any package is installed.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older one ends here and not in the middle of an installation
    sys.exit(
        "\nrun the commands of make: expected Python 3.11 or newer,\n"
        f"  saw {sys.version.split()[0]}, which is {sys.executable}\n"
        "  Next: install a newer one, then the same command with PYTHON=python3.11 at its end"
    )
