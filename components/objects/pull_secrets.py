"""Image pull secrets of the namespaces in `images.pullSecretNamespaces`."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import partial

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
        for namespace in settings.images.pull_secret_namespaces:
            content = passwords.apply(partial(docker_config, settings, namespace))
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


def docker_config(settings: Settings, namespace: str, passwords: dict[str, str]) -> str:
    """The text that `docker login` would write for each registry of a namespace that has a password."""
    wanted = settings.images.pull_secret_registries(namespace)
    entries = {}
    for name, access in settings.containerd.registries.items():
        if access.username and (wanted is None or name in wanted):
            pair = f"{access.username}:{passwords[name]}"
            entries[name] = {
                "username": access.username,
                "password": passwords[name],
                "auth": base64.b64encode(pair.encode()).decode(),
            }
    return json.dumps({"auths": entries})
