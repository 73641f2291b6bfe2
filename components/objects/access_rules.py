"""Access rules of the cluster: service accounts, roles and bindings."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster_access import ClusterAccess
from components.settings import Role, ServiceAccount, Settings

API_GROUP = "rbac.authorization.k8s.io"

Subject = dict[str, str]


class AccessRules(pulumi.ComponentResource):
    """The stack's service accounts, roles and bindings. A token that does not expire needs `longLivedToken`."""

    def __init__(
        self,
        cluster: ClusterAccess,
        settings: Settings,
        *,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Apply the access rules.

        Args:
            after: the namespaces of service accounts and roles.
        """
        super().__init__("kubeadm:index:AccessRules", cluster.resource_name("access"), None, opts)
        self._cluster = cluster
        self._options = cluster.options(self, after=list(after))
        for account in settings.access.service_accounts:
            self._service_account(account)
        for role in settings.access.roles:
            self._role(role)
        self.register_outputs({})

    def _service_account(self, account: ServiceAccount) -> None:
        identity = {"name": account.name, "namespace": account.namespace}
        made = kubernetes.core.v1.ServiceAccount(
            self._cluster.resource_name(account.namespace, account.name), metadata=identity, opts=self._options
        )
        subjects = [{"kind": "ServiceAccount", **identity}]
        if account.cluster_role:
            self._bind(account.name, None, "ClusterRole", account.cluster_role, subjects)
        for namespace, cluster_role in account.namespace_roles.items():
            self._bind(account.name, namespace, "ClusterRole", cluster_role, subjects)
        if account.long_lived_token:
            self._long_lived_token(account, made)

    def _long_lived_token(self, account: ServiceAccount, made: pulumi.Resource) -> None:
        name = f"{account.name}-token"
        pulumi.log.warn(
            f"access: {account.namespace}/{account.name} has a token that never expires, in secret {name}:"
            f" every reader of the secret can use the token. `make token USER={account.name}` makes one that expires;"
            " without longLivedToken the secret is deleted"
        )
        kubernetes.core.v1.Secret(
            self._cluster.resource_name(account.namespace, name),
            metadata={
                "name": name,
                "namespace": account.namespace,
                "annotations": {"kubernetes.io/service-account.name": account.name},
            },
            type="kubernetes.io/service-account-token",
            opts=pulumi.ResourceOptions.merge(
                self._cluster.options(self, after=[made]),
                # The cluster writes the token into the data, which the SDK declares secret: the program ignores it.
                pulumi.ResourceOptions(ignore_changes=["data"]),
            ),
        )

    def _role(self, role: Role) -> None:
        rules = [
            {"apiGroups": list(rule.api_groups), "resources": list(rule.resources), "verbs": list(rule.verbs)}
            for rule in role.rules
        ]
        if role.namespace:
            kubernetes.rbac.v1.Role(
                self._cluster.resource_name(role.namespace, role.name),
                metadata={"name": role.name, "namespace": role.namespace},
                rules=rules,
                opts=self._options,
            )
        else:
            kubernetes.rbac.v1.ClusterRole(
                self._cluster.resource_name(role.name), metadata={"name": role.name}, rules=rules, opts=self._options
            )
        kind = "Role" if role.namespace else "ClusterRole"
        self._bind(role.name, role.namespace, kind, role.name, _subjects(role))

    def _bind(self, name: str, namespace: str | None, kind: str, role: str, subjects: list[Subject]) -> None:
        role_ref = {"apiGroup": API_GROUP, "kind": kind, "name": role}
        # The role of a binding cannot be changed, and the name of the binding is fixed.
        options = pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(delete_before_replace=True))
        if namespace:
            kubernetes.rbac.v1.RoleBinding(
                self._cluster.resource_name(namespace, name),
                metadata={"name": name, "namespace": namespace},
                role_ref=role_ref,
                subjects=subjects,
                opts=options,
            )
        else:
            kubernetes.rbac.v1.ClusterRoleBinding(
                self._cluster.resource_name(name),
                metadata={"name": name},
                role_ref=role_ref,
                subjects=subjects,
                opts=options,
            )


def _subjects(role: Role) -> list[Subject]:
    accounts = [each.partition("/") for each in role.service_accounts]
    return [
        *({"kind": "User", "name": name, "apiGroup": API_GROUP} for name in role.users),
        *({"kind": "Group", "name": name, "apiGroup": API_GROUP} for name in role.groups),
        *({"kind": "ServiceAccount", "name": name, "namespace": namespace} for namespace, _, name in accounts),
    ]
