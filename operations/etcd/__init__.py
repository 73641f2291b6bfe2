"""Bundles of etcd: what a person takes from a cluster, and gives to another."""
