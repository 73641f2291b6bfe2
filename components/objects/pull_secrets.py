"""Image pull secrets of the namespaces in `images.pullSecretNamespaces`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import pulumi

from components.cluster_access import ClusterAccess
from components.objects.kubernetes_object import KubernetesObject
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
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Apply the secrets.

        Args:
            passwords: passwords of the registries, by registry.
            after: the namespaces.
        """
        super().__init__("kubeadm:index:RegistrySecrets", cluster.resource_name("registry-secrets"), None, opts)
        for namespace in settings.images.pull_secret_namespaces:
            content = passwords.apply(partial(docker_config, settings, namespace))
            made = pull_secret(namespace, content).register(cluster, cluster.options(self, after=after))
            use_of_pull_secret(namespace).register(cluster, cluster.options(self, after=[made]))
        self.register_outputs({})


def pull_secret_objects(settings: Settings, passwords: Mapping[str, str]) -> Iterator[KubernetesObject]:
    """Every object that the pull secrets of the settings make; one of them holds the passwords."""
    for namespace in settings.images.pull_secret_namespaces:
        yield pull_secret(namespace, docker_config(settings, namespace, passwords))
        yield use_of_pull_secret(namespace)


def pull_secret(namespace: str, content: pulumi.Input[str]) -> KubernetesObject:
    """The secret of a namespace with the passwords of its registries."""
    inputs = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": content},
    }
    return KubernetesObject(f"{namespace}/{NAME}", inputs)


def use_of_pull_secret(namespace: str) -> KubernetesObject:
    """The name of the secret in the default service account, which Kubernetes itself makes."""
    inputs = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": namespace},
        "imagePullSecrets": [{"name": NAME}],
    }
    return KubernetesObject(f"{namespace}/default", inputs, is_patch=True)


def docker_config(settings: Settings, namespace: str, passwords: Mapping[str, str]) -> str:
    """The text that `docker login` would write for each registry of a namespace that has a password."""
    wanted = settings.images.pull_secret_registries(namespace)
    entries = {}
    for name, access in settings.containerd.registries.items():
        if access.username and (wanted is None or name in wanted):
            login = {"username": access.username, "password": passwords[name]}
            entries[name] = login | {"auth": access.basic_auth(passwords[name])}
    return json.dumps({"auths": entries})
