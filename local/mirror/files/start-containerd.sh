#!/bin/sh
# containerd runs, now and after a reboot.
set -eu

if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl --quiet enable containerd.service
  systemctl restart containerd.service
fi
