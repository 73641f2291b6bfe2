"""Looks back at the last update and speaks to a reviewer: plan, refusals, expiry, clones."""
