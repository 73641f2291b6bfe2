"""Who may do what."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from components.settings import _patterns
from components.settings._types import DnsLabel, Model

RoleName = Annotated[str, StringConstraints(pattern=_patterns.ROLE)]
AccountName = Annotated[str, StringConstraints(pattern=_patterns.ACCOUNT)]


class Rule(Model):
    """One rule of a role, as in rbac.authorization.k8s.io/v1."""

    api_groups: tuple[str, ...] = Field(("",), description="The empty name is the core group")
    resources: tuple[str, ...] = Field(description="Such as `pods` or `pods/log`")
    verbs: tuple[str, ...] = Field(description="Such as `get`, `list`, `watch`")


class ServiceAccount(Model):
    """A service account, and the cluster roles that it is bound to: everywhere, or in single namespaces."""

    name: DnsLabel = Field(description="Name of the service account; `make token USER=` takes it")
    namespace: DnsLabel = Field("kubernetes-dashboard", description="Where it lives; made if it is not there")
    cluster_role: RoleName | None = Field(None, description="What it may do in the whole cluster")
    namespace_roles: dict[DnsLabel, RoleName] = Field(
        {}, description="What it may do in single namespaces: cluster role by namespace, such as `shop: view`"
    )
    long_lived_token: bool = Field(
        False, description="Keeps a token that never expires in the secret NAME-token; each preview warns of it"
    )


class Role(Model):
    """A role of our own, and who has it. Without a namespace it is a cluster role and holds everywhere."""

    name: RoleName = Field(description="Name of the role and of its binding")
    namespace: DnsLabel | None = Field(None, description="Where it holds; made if it is not there")
    rules: tuple[Rule, ...] = Field(min_length=1, description="What it allows")
    users: tuple[str, ...] = Field((), description="Names as the API server knows them")
    groups: tuple[str, ...] = Field((), description="Names as the API server knows them")
    service_accounts: tuple[AccountName, ...] = Field((), description="As `NAMESPACE/NAME`")


class Access(Model):
    """Who may do what; the defaults are those of the guide, and a user who may only read, and only one namespace."""

    service_accounts: tuple[ServiceAccount, ...] = Field(
        (
            ServiceAccount(name="admin-user", cluster_role="cluster-admin"),
            ServiceAccount(name="reader", namespace="default", namespace_roles={"default": "view"}),
        ),
        description="With their cluster roles",
    )
    roles: tuple[Role, ...] = Field(
        (
            Role(
                name="secret-creator",
                rules=(Rule(resources=("secrets",), verbs=("get", "watch", "list", "create")),),
                users=("secret-operator",),
            ),
        ),
        description="Roles of our own, with those who have them",
    )

    @property
    def namespaces(self) -> set[str]:
        """Every namespace that is named."""
        accounts, roles = self.service_accounts, self.roles
        bound = {namespace for account in accounts for namespace in account.namespace_roles}
        return bound | {each.namespace for each in accounts} | {each.namespace for each in roles if each.namespace}

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        """Bindings have the names of accounts and roles; `make token USER=` takes an account by its name alone."""
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
