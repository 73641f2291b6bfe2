"""Image pull secrets of the namespaces in `images.pullSecretNamespaces`."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster_access import ClusterAccess
from components.settings import Settings

NAME = "registry-credentials"


class RegistrySecrets(pulumi.ComponentResource):
    """Pods of the default service account may pull from private registries, in each namespace with a pull secret."""

    def __init__(
        self,
        cluster: ClusterAccess,
        settings: Settings,
        *,
        passwords: pulumi.Output[dict[str, str]],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Apply the secrets.

        Args:
            passwords: passwords of the registries, by registry.
            after: the namespaces.
        """
        super().__init__("kubeadm:index:RegistrySecrets", cluster.resource_name("registry-secrets"), None, opts)
        options = cluster.options(self, after=list(after))
        content = passwords.apply(lambda known: docker_config(settings, known))
        for namespace in settings.images.pull_secret_namespaces:
            secret = kubernetes.core.v1.Secret(
                cluster.resource_name(namespace, NAME),
                metadata={"name": NAME, "namespace": namespace},
                type="kubernetes.io/dockerconfigjson",
                string_data={".dockerconfigjson": content},
                opts=options,
            )
            kubernetes.core.v1.ServiceAccountPatch(
                cluster.resource_name(namespace, "default"),
                metadata={"name": "default", "namespace": namespace},
                image_pull_secrets=[{"name": NAME}],
                opts=cluster.options(self, after=[secret]),
            )
        self.register_outputs({})


def docker_config(settings: Settings, passwords: dict[str, str]) -> str:
    """The text that `docker login` would write for every registry with a password."""
    entries = {}
    for name, access in settings.containerd.registries.items():
        if access.username:
            pair = f"{access.username}:{passwords[name]}"
            entries[name] = {
                "username": access.username,
                "password": passwords[name],
                "auth": base64.b64encode(pair.encode()).decode(),
            }
    return json.dumps({"auths": entries})
