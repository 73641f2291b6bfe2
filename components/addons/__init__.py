"""Add-ons: what is applied to a cluster from manifests."""
