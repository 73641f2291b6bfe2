"""local-path: volumes that are directories of the node on which their pod runs, for clusters without other storage."""

from __future__ import annotations

import json
from typing import Any

from components.addons.addon import Addon
from components.addons.manifests import Manifest, containers, own_objects
from components.settings import Settings
from components.yaml_text import yaml_text

NAMESPACE = "local-path-storage"


def local_path_manifests(settings: Settings) -> list[Manifest]:
    """The objects of manifests/local-path.yaml with the settings of the stack."""
    local_path = settings.local_path
    objects = own_objects("local-path.yaml")
    (config_map,) = (each for each in objects if each["kind"] == "ConfigMap")
    config_map["data"] |= {"config.json": _configuration(settings), "helperPod.yaml": _helper_pod(settings)}
    for manifest in objects:
        if manifest["kind"] == "StorageClass":
            default = str(local_path.default_class).lower()
            manifest["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": default}
        if manifest["kind"] == "Deployment":
            for container in containers(manifest):
                container["image"] = local_path.image
    return objects


def _configuration(settings: Settings) -> str:
    everywhere = {"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [settings.local_path.directory]}
    return json.dumps({"nodePathMap": [everywhere]})


def _helper_pod(settings: Settings) -> str:
    """The pod that makes or deletes a directory; the provisioner reads it anew half a minute after a change."""
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {
            "priorityClassName": "system-node-critical",
            "automountServiceAccountToken": False,
            # The node of the volume's pod may have any taint, and the helper pod runs there, too.
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": "helper-pod",
                    "image": settings.local_path.helper_image,
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ],
        },
    }
    return yaml_text(pod)


LOCAL_PATH = Addon(
    "local-path",
    "LocalPath",
    lambda settings: settings.local_path.enabled,
    local_path_manifests,
    namespace=NAMESPACE,
    pod_security=lambda _: "privileged",
    further_images=lambda settings: (settings.local_path.helper_image,),
)
