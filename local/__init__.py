"""The embedded default: tool chain, mirror and machines on this host.

Knows nothing of `components/`; both meet in the stack file only. Standard library only, because it runs before anything
is installed.
"""
