"""What the SDK sends to the engine for each resource and nobody reads, left out.

Both are functions of the SDK (3.272) without a setting of their own. May be deleted when the SDK has one.
"""

from __future__ import annotations

import pulumi
from pulumi.runtime import resource
from pulumi.runtime.proto import source_pb2


def leave_out_what_nobody_reads() -> None:
    """No stack traces in the state, and no messages of the SDK at level debug, for this program.

    A stack trace has some fifteen frames, ten of them the SDK's own: with those of six resources 7 kB of state a host,
    written anew at each step. A debug message is a blocking request: a hundred hosts send four thousand in a preview.
    What is lost: source positions in Pulumi Cloud, and lines of the SDK in `pulumi up --debug`.
    """
    resource._get_stack_trace = source_pb2.StackTrace  # noqa: SLF001
    pulumi.log.debug = lambda *_, **__: None
