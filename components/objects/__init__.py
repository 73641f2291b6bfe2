"""Kubernetes objects that follow from settings: namespaces, labels, access rules, pull secrets."""
