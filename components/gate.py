"""Gates: single resources that stand for many."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi


def gate(name: str, *, after: Sequence[pulumi.Resource], parent: pulumi.Resource) -> pulumi.Resource:
    """A resource that exists when all others exist.

    The state names every dependency of every resource: a hundred nodes that wait for thirty objects would be three
    thousand names. With a gate each node waits for one resource.
    """
    options = pulumi.ResourceOptions(parent=parent, depends_on=list(after))
    return pulumi.Stash(name, input="passed", opts=options)
