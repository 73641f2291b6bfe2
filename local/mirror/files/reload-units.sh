#!/bin/sh
# systemd knows the unit that was just installed.
set -eu

if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
