"""What Calico writes into a node, and other nodes read to reach its pods."""

from __future__ import annotations

CALICO_ANNOTATIONS = ("projectcalico.org/IPv4Address", "projectcalico.org/IPv4VXLANTunnelAddr")
"""Written when calico-node starts: Calico, node/pkg/lifecycle/startup and node/pkg/allocateip."""
