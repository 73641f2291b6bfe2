"""SSH logins that the journal of a machine has."""

from __future__ import annotations

from collections.abc import Callable

# journald reads the unit of a message from /proc once it gets to it. On a busy host the process of a login has gone
# to the scope of its session by then, or has ended, and `--unit ssh` leaves the line out for good. The identifier is
# in the message. What was sent and not yet written is written by --sync, which takes its turn behind all messages
# that wait.
ACCEPTED = """\
journalctl --sync
journalctl --identifier sshd --identifier sshd-session --output cat | grep '^Accepted' || true
"""


def logins(on_machine: Callable[[str], str]) -> list[str]:
    """The line of each login so far, the oldest first.

    Args:
        on_machine: runs a script on the machine, past SSH, and returns its output.
    """
    return on_machine(ACCEPTED).splitlines()
