"""Access rules of the cluster: service accounts, roles and bindings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi

from components.cluster_access import ClusterAccess
from components.objects.kubernetes_object import KubernetesObject
from components.settings import Role, ServiceAccount, Settings

API_GROUP = "rbac.authorization.k8s.io"
API_VERSION = f"{API_GROUP}/v1"
SUBJECTS = {"User": "user", "Group": "group", "ServiceAccount": "service account"}
"""Kinds of subjects, in words."""


@dataclass(frozen=True, order=True)
class Subject:
    """A subject of a binding; only a service account has a namespace."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """The subject in words, such as `service account default/reader`."""
        scope = f"{self.namespace}/" if self.namespace else ""
        return f"{SUBJECTS.get(self.kind, self.kind)} {scope}{self.name}"

    @property
    def reference(self) -> dict[str, str]:
        """The subject as the API takes it."""
        if self.kind == "ServiceAccount":
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"kind": self.kind, "name": self.name, "apiGroup": API_GROUP}


@dataclass(frozen=True)
class Binding:
    """A binding that follows from settings.

    Attributes:
        owner: the service account or role of the stack that the binding is for, in words.
        namespace: the binding holds in this namespace; None for the whole cluster.
        name: name of the binding.
        role_kind: kind of the role, Role or ClusterRole.
        role: name of the role.
        subjects: subjects of the binding.
    """

    owner: str
    namespace: str | None
    name: str
    role_kind: str
    role: str
    subjects: tuple[Subject, ...]

    @property
    def object(self) -> KubernetesObject:
        """The binding as the cluster gets it."""
        kind = "RoleBinding" if self.namespace else "ClusterRoleBinding"
        role = {"apiGroup": API_GROUP, "kind": self.role_kind, "name": self.role}
        subjects = [each.reference for each in self.subjects]
        return _scoped(API_VERSION, kind, self.namespace, self.name, roleRef=role, subjects=subjects)


class AccessRules(pulumi.ComponentResource):
    """The stack's service accounts, roles and bindings. A token that does not expire needs `longLivedToken`."""

    def __init__(
        self,
        cluster: ClusterAccess,
        settings: Settings,
        *,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Apply the access rules.

        Args:
            after: the namespaces of service accounts and roles.
        """
        super().__init__("kubeadm:index:AccessRules", cluster.resource_name("access"), None, opts)
        accounts = {}
        for account in settings.access.service_accounts:
            made = service_account(account)
            accounts[account.namespace, account.name] = made.register(cluster, cluster.options(self, after=after))
        for role in settings.access.roles:
            role_object(role).register(cluster, cluster.options(self, after=after))
        for binding in bindings(settings):
            # The role of a binding cannot be changed, and the name of the binding is fixed.
            options = cluster.options(self, after=after)
            options.delete_before_replace = True
            binding.object.register(cluster, options)
        for account in _with_long_lived_token(settings):
            _warn_of_long_lived_token(account)
            options = cluster.options(self, after=[accounts[account.namespace, account.name]])
            options.ignore_changes = ["data"]  # the cluster writes the token into the data
            long_lived_token(account).register(cluster, options)
        self.register_outputs({})


def access_objects(settings: Settings) -> Iterator[KubernetesObject]:
    """Every object that the access rules of the settings make."""
    yield from map(service_account, settings.access.service_accounts)
    yield from map(long_lived_token, _with_long_lived_token(settings))
    yield from map(role_object, settings.access.roles)
    yield from (binding.object for binding in bindings(settings))


def bindings(settings: Settings) -> Iterator[Binding]:
    """Every binding of the service accounts and roles of the settings."""
    for account in settings.access.service_accounts:
        owner = f"service account {account.namespace}/{account.name}"
        subjects = (Subject("ServiceAccount", account.namespace, account.name),)
        if account.cluster_role:
            yield Binding(owner, None, account.name, "ClusterRole", account.cluster_role, subjects)
        for namespace, role in account.namespace_roles.items():
            yield Binding(owner, namespace, account.name, "ClusterRole", role, subjects)
    for each in settings.access.roles:
        kind = _kind_of(each)
        yield Binding(f"role {each.name}", each.namespace, each.name, kind, each.name, _subjects(each))


def service_account(account: ServiceAccount) -> KubernetesObject:
    """A service account."""
    return _scoped("v1", "ServiceAccount", account.namespace, account.name)


def long_lived_token(account: ServiceAccount) -> KubernetesObject:
    """The secret into which the cluster writes a token of a service account that never expires."""
    name = f"{account.name}-token"
    annotations = {"kubernetes.io/service-account.name": account.name}
    inputs = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": account.namespace, "annotations": annotations},
        "type": "kubernetes.io/service-account-token",
    }
    return KubernetesObject(f"{account.namespace}/{name}", inputs)


def role_object(role: Role) -> KubernetesObject:
    """A role with its rules."""
    rules = [rule.fields for rule in role.rules]
    return _scoped(API_VERSION, _kind_of(role), role.namespace, role.name, rules=rules)


def _scoped(api_version: str, kind: str, namespace: str | None, name: str, **fields: object) -> KubernetesObject:
    """An object of a namespace, or of the whole cluster."""
    scope = {"namespace": namespace} if namespace else {}
    inputs = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **scope}, **fields}
    return KubernetesObject(f"{namespace}/{name}" if namespace else name, inputs)


def _kind_of(role: Role) -> str:
    return "Role" if role.namespace else "ClusterRole"


def _subjects(role: Role) -> tuple[Subject, ...]:
    accounts = (each.partition("/") for each in role.service_accounts)
    return (
        *(Subject("User", "", name) for name in role.users),
        *(Subject("Group", "", name) for name in role.groups),
        *(Subject("ServiceAccount", namespace, name) for namespace, _, name in accounts),
    )


def _with_long_lived_token(settings: Settings) -> list[ServiceAccount]:
    return [each for each in settings.access.service_accounts if each.long_lived_token]


def _warn_of_long_lived_token(account: ServiceAccount) -> None:
    pulumi.log.warn(
        f"access: {account.namespace}/{account.name} has a token that never expires, in secret {account.name}-token:"
        f" every reader of the secret can use the token. `make token STACK={pulumi.get_stack()} USER={account.name}`"
        " makes one that expires; without longLivedToken the secret is deleted"
    )
