"""The service of a control plane that approves the certificates with which kubelets serve."""

from __future__ import annotations

from pathlib import Path

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Host

SCRIPT = "/etc/kubernetes/serving-certificates/approve.sh"
UNIT = "/etc/systemd/system/kubernetes-serving-certificates.service"
EFFECTS = (
    Effect(SCRIPT, "later certificates of kubelets are approved with it, nothing else restarts"),
    Effect(UNIT, "the service that approves certificates of kubelets restarts"),
)

_SCRIPT = Path(__file__).with_name("approve_serving_certificates.sh")
_UNIT = f"""\
[Unit]
Description=Approval of the certificates with which kubelets serve
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/bash {SCRIPT}
Nice=10
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def serving_certificates_files(host: Host) -> list[File]:
    """The files of the service on a control plane; an empty list for any other host."""
    return [File(SCRIPT, _SCRIPT.read_text()), File(UNIT, _UNIT)] if host.role == "control-plane" else []
