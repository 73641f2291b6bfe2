"""The load balancer of the API on each worker: haproxy, as a service of its own beside any other haproxy."""

from __future__ import annotations

from components.host_files.effect import Effect
from components.host_files.file import File
from components.host_files.system import LOOPBACK
from components.settings import Host, Settings
from components.settings.stack import API_PORT

CONFIGURATION = "/etc/haproxy/kubernetes-api.cfg"
UNIT = "/etc/systemd/system/kubernetes-api-haproxy.service"
EFFECTS = (
    Effect(
        CONFIGURATION,
        "haproxy reloads, connections stay",
        comes="the name of the API leads to haproxy; kube-proxy restarts, the kubelet does not",
        goes="the name of the API leads to the control plane; kube-proxy restarts, the kubelet does not",
    ),
    Effect(UNIT, "haproxy restarts", comes="haproxy starts", goes="haproxy stops"),
)

_CONFIGURATION = """\
global
    maxconn 2000

defaults
    mode tcp
    timeout connect 2s
    timeout check 5s
    timeout client 24h
    timeout server 24h
    retries 3
    option redispatch
    option srvtcpka
    srvtcpka-idle 5s
    srvtcpka-intvl 2s
    srvtcpka-cnt 3

frontend kubernetes-api
    bind {address}:{port}
    default_backend control-planes
    use_backend all-control-planes if {{ nbsrv(control-planes) eq 0 }}

backend all-control-planes
    balance roundrobin
    default-server tcp-ut 10s
{servers}
backend control-planes
    balance leastconn
    option httpchk GET /readyz
    http-check expect rstatus ^(200|401|403)$
    default-server check check-ssl verify none inter 1s fall 2 rise 2 tcp-ut 10s
{servers}"""
"""The health check makes an API server that shuts down lose new connections before it closes its port; its connections
end by themselves. Where every check fails, as on a machine without a free CPU, each API server is still asked. The
kernel ends connections to a machine that is dead: kubelets and kube-proxies would wait for 45 s. 401 and 403 come from
an API server that allows no anonymous request."""

_UNIT = f"""\
[Unit]
Description=Load balancer of the Kubernetes API for this host
Wants=network-online.target
After=network-online.target
Before=kubelet.service

[Service]
Type=notify
ExecStart=/usr/sbin/haproxy -Ws -f {CONFIGURATION} -p /run/kubernetes-api-haproxy.pid
ExecReload=/usr/sbin/haproxy -c -q -f {CONFIGURATION}
ExecReload=/bin/kill -USR2 $MAINPID
KillMode=mixed
Restart=always
RestartSec=1
SuccessExitStatus=143

[Install]
WantedBy=multi-user.target
"""


def load_balancer_files(host: Host, settings: Settings) -> list[File]:
    """The files of haproxy on a worker of several control planes; an empty list for any other host."""
    if host.role == "control-plane" or not settings.has_local_load_balancer:
        return []
    # Sorted by name, so that another order of the stack file changes nothing.
    control_planes = sorted(settings.living_control_planes, key=lambda each: each.name)
    servers = "".join(f"    server {each.name} {each.internal_ip}:{API_PORT}\n" for each in control_planes)
    return [
        File(CONFIGURATION, _CONFIGURATION.format(address=LOOPBACK, port=API_PORT, servers=servers)),
        File(UNIT, _UNIT),
    ]
