"""The virtual address of the API: keepalived on control planes, as a service of its own beside any other keepalived."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from components.host_files.effect import Effect
from components.host_files.file import File
from components.host_files.system import LOOPBACK
from components.settings import Host, Settings
from components.settings.stack import API_PORT

NO_HOSTS: Mapping[str, str] = MappingProxyType({})
CONFIGURATION = "/etc/keepalived/kubernetes-vip.conf"
SCRIPT = "/etc/keepalived/kubernetes-vip.sh"
UNIT = "/etc/systemd/system/kubernetes-vip-keepalived.service"
EFFECTS = (
    Effect(
        CONFIGURATION,
        "keepalived reloads, and the machine that has the virtual address keeps it, unless the address changes",
        comes="keepalived gives the virtual address to a control plane that serves",
        goes="no control plane has the virtual address any more",
    ),
    Effect(SCRIPT, "keepalived runs it each second, nothing restarts"),
    Effect(
        UNIT,
        "keepalived restarts; another control plane takes the virtual address",
        comes="keepalived starts",
        goes="keepalived stops",
    ),
)

_RUNTIME_DIRECTORY = "kubernetes-vip"
_INTERFACE = f"/run/{_RUNTIME_DIRECTORY}/interface.conf"
_HIGHEST_PRIORITY = 254
_LEAVES = " # leaves"
_PEER = re.compile(rf" {{8}}[0-9.]+({_LEAVES})?")

_CONFIGURATION = """\
global_defs {{
    enable_script_security
    script_user root
}}

vrrp_script api-is-ready {{
    script "{script} api-is-ready"
    interval 1
    timeout 5
    fall 2
    rise 2
    init_fail
}}

vrrp_instance kubernetes-vip {{
    include {interface}
    state BACKUP
    nopreempt
    virtual_router_id {router_id}
    priority {priority}
    advert_int 1
    unicast_src_ip {own}
    unicast_peer {{
{peers}
    }}
    virtual_ipaddress {{
        {address}/32
    }}
    track_script {{
        api-is-ready
    }}
}}
"""
"""A machine without an API server that is ready takes no part. The machine that has the address keeps it (`nopreempt`):
each move of the address ends connections."""

_SCRIPT = f"""\
#!/bin/bash
# kubernetes-vip.sh interface: tells keepalived which network card has the address of this machine, at each start: a
# card may have another name after a reboot.
# kubernetes-vip.sh api-is-ready: 401 and 403 come from an API server that allows no anonymous request. A control plane
# that leaves knows nothing of those that come, and tells them nothing: while it serves it may have the address.
set -euo pipefail

is_ready() {{
  local status
  status=$(curl --silent --insecure --noproxy '*' --max-time "$2" --output /dev/null --write-out '%{{http_code}}' \\
    "https://$1:{API_PORT}/readyz")
  [[ $status =~ ^(200|401|403)$ ]]
}}

case $1 in
  interface)
    address=$(sed --quiet 's/^ *unicast_src_ip //p' {CONFIGURATION})
    card=$(ip -4 -oneline address show to "$address/32" | awk 'NR == 1 {{print $2}}')
    [[ -n $card ]] || {{
      echo "no network card has the address $address" >&2
      exit 1
    }}
    printf 'interface %s\\n' "$card" >{_INTERFACE}
    ;;
  api-is-ready)
    leaving=$(sed --quiet 's/^ *\\([0-9.]*\\){_LEAVES}$/\\1/p' {CONFIGURATION})
    for address in $leaving; do
      if is_ready "$address" 1; then exit 1; fi
    done
    is_ready 127.0.0.1 3
    ;;
esac
"""

_PROGRAM = "/usr/sbin/keepalived"
_UNIT = f"""\
[Unit]
Description=Virtual address of the Kubernetes API
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
RuntimeDirectory={_RUNTIME_DIRECTORY}
ExecStartPre={SCRIPT} interface
ExecStartPre={_PROGRAM} --config-test --use-file {CONFIGURATION}
ExecStart={_PROGRAM} --dont-fork --vrrp --use-file {CONFIGURATION} \
--pid /run/{_RUNTIME_DIRECTORY}/pid --vrrp_pid /run/{_RUNTIME_DIRECTORY}/vrrp.pid
ExecReload={_PROGRAM} --config-test --use-file {CONFIGURATION}
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""


def vip_files(
    host: Host, settings: Settings, leaving: Mapping[str, str] = NO_HOSTS, *, comes: bool = False
) -> list[File]:
    """The files of keepalived on a control plane of a stack with a virtual address; an empty list for any other host.

    Args:
        host: the host.
        settings: the settings of the stack.
        leaving: addresses by name of control planes that leave in this update. Their keepalived runs until the update
            ends, and would take the virtual address, too, without the advertisements of the holder.
        comes: the host becomes a control plane in this update; control planes that leave send it no advertisements.
    """
    vip = settings.cluster.vip
    if vip is None or host.role != "control-plane" or host.gone:
        return []
    # Sorted by name, so that another order of the stack file changes nothing.
    names = sorted(each.name for each in settings.living_control_planes)
    leave = {name: f"{address}{_LEAVES if comes else ''}" for name, address in leaving.items()}
    peers = {name: str(settings.hosts[name].internal_ip) for name in names if name != host.name} | leave
    content = _CONFIGURATION.format(
        script=SCRIPT,
        interface=_INTERFACE,
        router_id=vip.router,
        # With priorities that are close, two control planes take the address in the same moment when its holder dies.
        priority=_HIGHEST_PRIORITY * (len(names) - names.index(host.name)) // len(names),
        own=host.internal_ip,
        # Without any peer keepalived would use multicast, and meet routers of others.
        peers="\n".join(f"        {peers[name]}" for name in sorted(peers)) or f"        {LOOPBACK}",
        address=vip.address,
    )
    return [File(CONFIGURATION, content), File(SCRIPT, _SCRIPT, "0755"), File(UNIT, _UNIT)]


def has_former_peers_only(recorded: str, wanted: str) -> bool:
    """True where a recorded configuration differs only by control planes that have left; they receive nothing."""
    lines = [line for line in wanted.splitlines() if line.strip() != LOOPBACK]
    return lines == [line for line in recorded.splitlines() if line in lines or not _PEER.fullmatch(line)]
