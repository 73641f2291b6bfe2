# shellcheck shell=bash
# Files that prepare put earlier and no longer stages are deleted.

remove_leftovers
