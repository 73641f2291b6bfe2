"""The embedded default: tool chain, mirror and machines on this host.

The package imports nothing of `components/`: both meet in the stack file only. It needs the standard library only,
because it runs before any package is installed.
"""
