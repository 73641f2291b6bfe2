"""Files that the API server reads when it starts, and the arguments and volumes by which kubeadm gives them to it.

The name of an audit policy has the checksum of its content: another policy changes the argument, so that the API server
restarts, and the former policy stays for as long as the change may be taken back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Settings

FILES = "/etc/kubernetes/api-server"
ENCRYPTION = f"{FILES}/encryption.yaml"
AUDIT_LOGS = "/var/log/kubernetes/audit"
OWN_POLICY = Path(__file__).parents[2] / "manifests" / "audit-policy.yaml"
EFFECTS = (Effect(f"{FILES}/", "the API server restarts with it, one control plane after the other"),)


def policy_files(settings: Settings) -> list[File]:
    """The audit policy; an empty list without an audit log."""
    audit = settings.cluster.audit
    if audit is None:
        return []
    content = (audit.policy_file or OWN_POLICY).read_text()
    return [File(f"{FILES}/audit-policy-{File('', content).digest[:12]}.yaml", content, mode="0600")]


def arguments(settings: Settings) -> dict[str, str]:
    """Arguments of the API server by name."""
    audit, found = settings.cluster.audit, dict[str, str]()
    if audit:
        found |= {
            "audit-policy-file": policy_files(settings)[0].path,
            "audit-log-path": f"{AUDIT_LOGS}/audit.log",
            "audit-log-maxage": str(audit.max_age),
            "audit-log-maxbackup": str(audit.max_backup),
            "audit-log-maxsize": str(audit.max_size),
        }
    if settings.cluster.encryption:
        found["encryption-provider-config"] = ENCRYPTION
    return found


def volumes(settings: Settings) -> list[dict[str, Any]]:
    """Volumes of the API server, in the form of kubeadm's `extraVolumes`."""
    found = list[dict[str, Any]]()
    if arguments(settings):
        found.append(_volume("api-server-files", FILES) | {"readOnly": True})
    if settings.cluster.audit:
        found.append(_volume("audit-logs", AUDIT_LOGS))
    return found


def _volume(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "hostPath": path, "mountPath": path, "pathType": "DirectoryOrCreate"}
