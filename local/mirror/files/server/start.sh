#!/bin/bash
# Runs the image registry and the web server; ends when one of them does.
set -euo pipefail

docker-registry serve /etc/mirror/registry.yaml &
nginx -c /etc/mirror/nginx.conf &
trap 'kill $(jobs -p)' TERM INT
wait -n
