"""Requests of the SDK to the engine that nobody reads, left out.

The SDK (3.272) has no setting that disables them. This module may be deleted when the SDK has such a setting.
"""

from __future__ import annotations

import pulumi
from pulumi.runtime import resource
from pulumi.runtime.proto import source_pb2


def leave_out_traces_and_debug_messages() -> None:
    """Keep stack traces out of the state, and send no debug messages of the SDK, in this program.

    A stack trace has some fifteen frames, ten of them the SDK's own: the traces of six resources are 7 kB of state a
    host, rewritten at each step. A debug message is a blocking request: a hundred hosts send four thousand a preview.
    The price: no source positions in Pulumi Cloud, and no lines of the SDK in `pulumi up --debug`.
    """
    resource._get_stack_trace = source_pb2.StackTrace  # noqa: SLF001
    pulumi.log.debug = lambda *_, **__: None
