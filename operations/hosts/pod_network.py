"""Annotations that Calico writes on a node, and that other nodes read to reach the pods of the node."""

from __future__ import annotations

CALICO_ANNOTATIONS = ("projectcalico.org/IPv4Address", "projectcalico.org/IPv4VXLANTunnelAddr")
"""calico-node writes the annotations when it starts: Calico, node/pkg/lifecycle/startup and node/pkg/allocateip."""
