# shellcheck shell=bash
# What the stack asked for in an earlier run, and does not any more, is gone.

remove_leftovers
