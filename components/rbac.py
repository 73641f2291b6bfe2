"""Who may do what in the cluster."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster_access import ClusterAccess
from components.settings import ServiceAccount, Settings, UserRole

API_GROUP = "rbac.authorization.k8s.io"


class AccessRules(pulumi.ComponentResource):
    """The stack's service accounts, cluster roles and bindings. No long-lived token is made for any of them."""

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
            after: the namespaces of the service accounts.
        """
        super().__init__("kubeadm:index:AccessRules", "access", None, opts)
        self._options = cluster.options(self, after=list(after))
        for account in settings.access.service_accounts:
            self._service_account(account)
        for role in settings.access.user_roles:
            self._user_role(role)
        self.register_outputs({})

    def _service_account(self, account: ServiceAccount) -> None:
        identity = {"name": account.name, "namespace": account.namespace}
        kubernetes.core.v1.ServiceAccount(f"{account.namespace}/{account.name}", metadata=identity, opts=self._options)
        self._bind(account.name, account.cluster_role, [{"kind": "ServiceAccount", **identity}])

    def _user_role(self, role: UserRole) -> None:
        rules = [
            {"apiGroups": list(rule.api_groups), "resources": list(rule.resources), "verbs": list(rule.verbs)}
            for rule in role.rules
        ]
        kubernetes.rbac.v1.ClusterRole(role.name, metadata={"name": role.name}, rules=rules, opts=self._options)
        self._bind(role.name, role.name, [{"kind": "User", "name": user, "apiGroup": API_GROUP} for user in role.users])

    def _bind(self, name: str, cluster_role: str, subjects: list[dict[str, str]]) -> None:
        kubernetes.rbac.v1.ClusterRoleBinding(
            name,
            metadata={"name": name},
            role_ref={"apiGroup": API_GROUP, "kind": "ClusterRole", "name": cluster_role},
            subjects=subjects,
            opts=self._options,
        )
