"""Access rules: service accounts, roles, and their subjects."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from components.settings import _patterns
from components.settings._types import DnsLabel, Model

RoleName = Annotated[str, StringConstraints(pattern=_patterns.ROLE)]
PodSecurityLevel = Literal["privileged", "baseline", "restricted"]
POD_SECURITY_LEVELS: tuple[str, ...] = get_args(PodSecurityLevel)
Subject = Annotated[str, StringConstraints(min_length=1)]
AccountName = Annotated[str, StringConstraints(pattern=_patterns.ACCOUNT_NAME, max_length=253)]
Account = Annotated[str, StringConstraints(pattern=_patterns.ACCOUNT, max_length=317)]
"""A namespace of 63 characters, a slash, and a name of 253."""


OF_KUBERNETES = {"default", "kube-system", "kube-public", "kube-node-lease"}
"""Namespaces that exist in every cluster."""


class Rule(Model):
    """A rule of a role, as in rbac.authorization.k8s.io/v1: of resources, or of paths that are no resources."""

    api_groups: tuple[str, ...] = Field(("",), min_length=1, description="API groups; the empty name is the core group")
    resources: tuple[str, ...] = Field((), description="Resources, such as `pods` or `pods/log`")
    resource_names: tuple[str, ...] = Field((), description="Names of single objects; empty for all objects")
    non_resource_urls: tuple[str, ...] = Field(
        (),
        alias="nonResourceURLs",
        description="Paths of the API server that are no resources, such as `/metrics`; for cluster roles only",
    )
    verbs: tuple[str, ...] = Field(min_length=1, description="Verbs, such as `get`, `list`, `watch`")

    @property
    def fields(self) -> dict[str, list[str]]:
        """The fields of the rule, as the API takes them."""
        if self.non_resource_urls:
            return {"nonResourceURLs": list(self.non_resource_urls), "verbs": list(self.verbs)}
        named = {"resourceNames": list(self.resource_names)} if self.resource_names else {}
        of_resources = {"apiGroups": list(self.api_groups), "resources": list(self.resources)}
        return {**of_resources, "verbs": list(self.verbs), **named}

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        """The API server refuses any other rule, when the cluster is there already."""
        of_resources = {"api_groups", "resources", "resource_names"} & self.model_fields_set
        if bool(self.resources) == bool(self.non_resource_urls) or (self.non_resource_urls and of_resources):
            raise ValueError(
                "a rule has `resources`, or else `nonResourceURLs` without apiGroups, resources and resourceNames"
            )
        return self


class ServiceAccount(Model):
    """A service account, and the cluster roles that it is bound to: in the whole cluster, or in single namespaces."""

    name: AccountName = Field(description="Name of the service account, as in `make token STACK=... USER=...`")
    namespace: DnsLabel = Field(
        "kubernetes-dashboard", description="Namespace of the service account; created if it is missing"
    )
    cluster_role: RoleName | None = Field(None, description="Cluster role of the account in the whole cluster")
    namespace_roles: dict[DnsLabel, RoleName] = Field(
        {}, description="Cluster role of the account by namespace, such as `shop: view`"
    )
    long_lived_token: bool = Field(
        False, description="Keeps a token that never expires in the secret NAME-token; each preview warns of it"
    )


class Role(Model):
    """A role of the stack, and its subjects. A role without a namespace is a cluster role and holds everywhere."""

    name: RoleName = Field(description="Name of the role and of its binding")
    namespace: DnsLabel | None = Field(None, description="Namespace of the role; created if it is missing")
    rules: tuple[Rule, ...] = Field(min_length=1, description="Rules of the role")
    users: tuple[Subject, ...] = Field((), description="Users with the role, as the API server names them")
    groups: tuple[Subject, ...] = Field((), description="Groups with the role, as the API server names them")
    service_accounts: tuple[Account, ...] = Field((), description="Service accounts with the role, as `NAMESPACE/NAME`")


ADMIN_USER = "admin-user"
"""The account with which the guide logs in to the dashboard."""


class Access(Model):
    """Access rules. By default there is the guide's user of the dashboard, and an account that reads one namespace."""

    service_accounts: tuple[ServiceAccount, ...] = Field(
        (
            ServiceAccount(name=ADMIN_USER, cluster_role="cluster-admin"),
            ServiceAccount(name="reader", namespace="default", namespace_roles={"default": "view"}),
        ),
        description="Service accounts, with their cluster roles; a list replaces the default accounts. Without the"
        " dashboard of kind `kubernetes-dashboard` there is no admin-user by default",
    )
    roles: tuple[Role, ...] = Field((), description="Roles of the stack, with their subjects")

    pod_security: dict[DnsLabel, PodSecurityLevel] = Field(
        {},
        description="Pod Security level by namespace, created if it is missing; `baseline` for the stack's others",
    )

    @model_validator(mode="after")
    def _paths_are_of_the_whole_cluster(self) -> Self:
        for role in self.roles:
            if role.namespace and any(rule.non_resource_urls for rule in role.rules):
                raise ValueError(f"role {role.name} has nonResourceURLs, which are in no namespace")
        return self

    @property
    def namespaces(self) -> set[str]:
        """Every namespace that an access rule names."""
        accounts, roles = self.service_accounts, self.roles
        bound = {namespace for account in accounts for namespace in account.namespace_roles}
        of_roles = {each.namespace for each in roles if each.namespace}
        return bound | {each.namespace for each in accounts} | of_roles | set(self.pod_security)

    @model_validator(mode="after")
    def _namespaces_of_kubernetes_are_left_alone(self) -> Self:
        kept = sorted(OF_KUBERNETES & set(self.pod_security))
        if kept:
            raise ValueError(f"podSecurity is for namespaces of the stack, and {', '.join(kept)} is Kubernetes' own")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        """Bindings have the names of accounts and roles; `make token` takes an account by its name alone."""
        accounts = Counter(account.name for account in self.service_accounts)
        bindings = Counter(
            (where, account.name)
            for account in self.service_accounts
            for where in (*account.namespace_roles, *([""] if account.cluster_role else []))
        ) + Counter((role.namespace or "", role.name) for role in self.roles)
        twice = {name for name, times in accounts.items() if times > 1}
        twice |= {name for (_, name), times in bindings.items() if times > 1}
        if twice:
            raise ValueError(
                f"names of service accounts and roles differ from each other, not {', '.join(sorted(twice))}"
            )
        return self
