"""The certificate for which a control plane seals a secret that a step returns."""

from __future__ import annotations

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Host

RECIPIENT = "/etc/kubernetes/results/recipient.pem"
EFFECTS = (Effect(RECIPIENT, "kubeconfigs and join tokens are sealed for its key before a step returns them"),)


def result_files(host: Host, certificate: str) -> list[File]:
    """The file of a control plane, where such steps run; an empty list for any other host."""
    return [File(RECIPIENT, certificate)] if host.role == "control-plane" else []
