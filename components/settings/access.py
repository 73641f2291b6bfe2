"""Who may do what."""

from __future__ import annotations

from pydantic import Field

from components.settings._types import DnsLabel, Model


class Rule(Model):
    """One rule of a role, as in rbac.authorization.k8s.io/v1."""

    api_groups: tuple[str, ...] = Field(("",), description="The empty name is the core group")
    resources: tuple[str, ...] = Field(description="Such as `pods` or `pods/log`")
    verbs: tuple[str, ...] = Field(description="Such as `get`, `list`, `watch`")


class ServiceAccount(Model):
    """A service account bound to a cluster role."""

    name: DnsLabel = Field(description="Name of the service account")
    namespace: DnsLabel = Field("kubernetes-dashboard", description="Where it lives; made if it is not there")
    cluster_role: str = Field(description="What it may do in the whole cluster")


class UserRole(Model):
    """A cluster role of our own, and the users it is bound to."""

    name: str = Field(pattern=r"^[a-z0-9:.-]+$", description="Name of the cluster role")
    rules: tuple[Rule, ...] = Field(description="What it allows")
    users: tuple[str, ...] = Field(description="Names as the API server knows them")


class Access(Model):
    """Who may do what; the defaults are those of the guide."""

    service_accounts: tuple[ServiceAccount, ...] = Field(
        (ServiceAccount(name="admin-user", cluster_role="cluster-admin"),), description="With their cluster roles"
    )
    user_roles: tuple[UserRole, ...] = Field(
        (
            UserRole(
                name="secret-creator",
                rules=(Rule(resources=("secrets",), verbs=("get", "watch", "list", "create")),),
                users=("secret-operator",),
            ),
        ),
        description="Cluster roles of our own, with their users",
    )
