"""All that a stack can say, as pydantic models, validated at once and before any resource exists.

Field names are those of Kubernetes and kubeadm. Secrets are not here: they are stack settings of their own, marked as
secret, and a model only holds the name of such a setting.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from components.versions import NEWEST_MINOR, OLDEST_MINOR, minor_of, pause_tag

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
HOST_NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
REGISTRY = r"^[A-Za-z0-9.-]+(:[0-9]+)?$"
IMAGE = r"^[A-Za-z0-9._:/@-]+$"
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"

DnsLabel = Annotated[str, StringConstraints(pattern=DNS_LABEL)]
HostName = Annotated[str, StringConstraints(pattern=HOST_NAME)]
Registry = Annotated[str, StringConstraints(pattern=REGISTRY)]
ImageName = Annotated[str, StringConstraints(pattern=IMAGE)]
LabelKey = Annotated[str, StringConstraints(pattern=LABEL_KEY)]
LabelValue = Annotated[str, StringConstraints(pattern=LABEL_VALUE)]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s'\"]+$")]
HttpsOrFileUrl = Annotated[str, StringConstraints(pattern=r"^(https?|file)://[^\s'\"]+$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _known_version(value: str) -> str:
    if not re.fullmatch(r"1\.[0-9]{1,3}\.[0-9]{1,3}", value):
        raise ValueError('a version is written as "1.36.3"')
    if not OLDEST_MINOR <= minor_of(value) <= NEWEST_MINOR:
        raise ValueError(f"versions 1.{OLDEST_MINOR} to 1.{NEWEST_MINOR} are known")
    return value


def _existing_file(value: Path) -> Path:
    try:
        found = value.is_file()
    except OSError as error:  # a directory that may not be entered, a name that is too long
        raise ValueError(f"the file cannot be looked for: {error.strerror}") from error
    if not found:
        raise ValueError("there is no such file; the path is relative to the directory of Pulumi.yaml")
    return value


KubernetesVersion = Annotated[str, AfterValidator(_known_version)]
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]


class Model(BaseModel):
    """Unknown keys are errors, values do not change after validation, keys are camelCase as in Kubernetes."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, validate_by_name=True)


class Taint(Model):
    """A node taint, as Kubernetes writes it."""

    key: str
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class Networking(Model):
    """Networks of the cluster; kubeadm's `networking`."""

    pod_subnet: IPv4Network = IPv4Network("10.244.0.0/16")
    service_subnet: IPv4Network = IPv4Network("10.96.0.0/12")
    dns_domain: HostName = "cluster.local"


class Cluster(Model):
    """What makes one cluster: everything kubeadm is told."""

    name: DnsLabel
    kubernetes_version: KubernetesVersion = "1.36.3"
    control_plane_endpoint: str | None = Field(
        None, pattern=r"^[A-Za-z0-9.-]+(:[0-9]+)?$", description="Stable name or address of the API, with port"
    )
    networking: Networking = Networking()
    control_plane_taints: tuple[Taint, ...] = (
        Taint(key="node-role.kubernetes.io/control-plane", effect="PreferNoSchedule"),
    )
    ignore_preflight_errors: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")], ...] = ()
    cluster_configuration: dict[str, Any] = Field({}, description="Merged into kubeadm's ClusterConfiguration")
    kubelet_configuration: dict[str, Any] = Field({}, description="Merged into KubeletConfiguration")
    kube_proxy_configuration: dict[str, Any] = Field(
        # The system's nf_conntrack_max stays as it is unless the stack says otherwise: 0 leaves it alone.
        {"conntrack": {"maxPerCore": 0}},
        description="Merged into KubeProxyConfiguration",
    )


class Host(Model):
    """A machine that the stack names."""

    name: HostName
    address: IPv4Address = Field(description="Where SSH answers")
    role: Literal["control-plane", "worker"] = "worker"
    node_ip: IPv4Address | None = Field(None, description="Address of the node in the cluster; `address` by default")
    user: str | None = Field(None, pattern=r"^[a-z_][a-z0-9_-]*$")
    port: int | None = Field(None, ge=1, le=65535)
    host_key: str | None = Field(None, description="SSH host key, as in known_hosts: `ssh-ed25519 AAAA...`")
    labels: dict[LabelKey, LabelValue] = {}
    taints: tuple[Taint, ...] = ()

    @property
    def internal_ip(self) -> IPv4Address:
        """The address that the node has in the cluster."""
        return self.node_ip or self.address


class Bastion(Model):
    """A machine that SSH connections go through."""

    address: str = Field(pattern=r"^[A-Za-z0-9.-]+$")
    host_key: str
    user: str = "root"
    port: int = Field(22, ge=1, le=65535)


class Ssh(Model):
    """How machines are reached. With neither a key file nor an agent socket, $SSH_AUTH_SOCK is used."""

    user: str = Field("root", pattern=r"^[a-z_][a-z0-9_-]*$")
    port: int = Field(22, ge=1, le=65535)
    private_key_file: Path | None = None
    known_hosts_file: ExistingFile | None = None
    bastion: Bastion | None = None
    dial_error_limit: int = Field(8, ge=1, le=100, description="Failed connection attempts before a host is given up")
    per_dial_timeout: int = Field(5, ge=1, le=120, description="Seconds for one connection attempt")


class AptRepository(Model):
    """A signed apt repository. `{minor}` in the URL becomes the Kubernetes minor version, such as 1.36."""

    url: HttpUrl
    suite: str = Field("/", pattern=r"^[A-Za-z0-9._/-]+$", description="`/` for a flat repository")
    components: tuple[str, ...] = Field((), description="Empty for a flat repository")
    keyring: HttpUrl | ExistingFile = Field(description="Public key: a file beside Pulumi.yaml, or a URL")
    fingerprint: str = Field(
        pattern=r"^[0-9A-F]{40}$", description="Of the key; what was fetched is checked against it"
    )


PUBLIC_KUBERNETES_REPOSITORY = AptRepository(
    url="https://pkgs.k8s.io/core:/stable:/v{minor}/deb/",
    keyring="https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key",
    fingerprint="DE15B14486CD377B9E876E1A234654DA9A296436",
)
"""https://kubernetes.io/blog/2023/08/15/pkgs-k8s-io-introduction/. The newest key signs all: release issue 3818."""


class Packages(Model):
    """kubeadm, kubelet, kubectl."""

    repository: AptRepository = PUBLIC_KUBERNETES_REPOSITORY


class RegistryAccess(Model):
    """How one image registry is talked to."""

    ca_file: ExistingFile | None = None
    username: str | None = Field(None, pattern=r"^[A-Za-z0-9._@-]+$")
    password_key: str = Field("registryPassword", description="Name of the secret stack setting with the password")
    mirrors: tuple[HttpUrl, ...] = Field((), description="Asked first, in this order")


class Containerd(Model):
    """The container runtime."""

    package: str = Field("containerd", pattern=r"^[a-z0-9.+-]+$", description="`containerd.io` is Docker's package")
    repository: AptRepository | None = Field(None, description="None takes the package of the distribution")
    registries: dict[Registry, RegistryAccess] = {}
    restrict_oom_score_adj: bool = Field(False, description="For machines that may not lower OOM scores")


class Images(Model):
    """Rewriting of image names, alike for everything that is pulled."""

    rewrite: dict[Registry, ImageName] = Field({}, description="Source registry to prefix: registry.k8s.io: hub/gcr")
    pull_secret_namespaces: tuple[DnsLabel, ...] = Field((), description="Namespaces that get an image pull secret")

    def rewritten(self, image: str) -> str:
        """The name under which an image is pulled; a name without a registry is Docker Hub's."""
        first, _, rest = image.partition("/")
        if not rest or not ("." in first or ":" in first or first == "localhost"):
            first, rest = "docker.io", image if rest else f"library/{image}"
        prefix = self.rewrite.get(first)
        return f"{prefix}/{rest}" if prefix else image


class Calico(Model):
    """The pod network. The environment of calico/node decides; see its reference for the meaning of each value."""

    version: str = Field("3.28.5", pattern=r"^\d+\.\d+\.\d+$")
    manifest_url: HttpsOrFileUrl | None = Field(None, description="Instead of the one in manifests/sources.yaml")
    manifest_sha256: Sha256 | None = None
    vxlan_mode: Literal["Always", "CrossSubnet"] = "Always"
    mtu: int = Field(0, ge=0, le=9000, description="0 lets Calico find it")
    ip_autodetection_method: str = Field("kubernetes-internal-ip", pattern=r"^[A-Za-z0-9=.,*/-]+$")


class Dashboard(Model):
    """The Kubernetes Dashboard as a NodePort service."""

    enabled: bool = True
    node_port: int = Field(30009, ge=30000, le=32767)
    image: ImageName = "docker.io/kubernetesui/dashboard:v2.7.0"
    metrics_scraper_image: ImageName = "docker.io/kubernetesui/metrics-scraper:v1.0.8"
    metrics_scraper_host_network: bool = False


class Rule(Model):
    """One rule of a role, as in rbac.authorization.k8s.io/v1."""

    api_groups: tuple[str, ...] = ("",)
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


class ServiceAccount(Model):
    """A service account bound to a cluster role."""

    name: DnsLabel
    namespace: DnsLabel = "kubernetes-dashboard"
    cluster_role: str


class UserRole(Model):
    """A cluster role of our own, and the users it is bound to."""

    name: str = Field(pattern=r"^[a-z0-9:.-]+$")
    rules: tuple[Rule, ...]
    users: tuple[str, ...]


class Access(Model):
    """Who may do what; the defaults are those of the guide."""

    service_accounts: tuple[ServiceAccount, ...] = (ServiceAccount(name="admin-user", cluster_role="cluster-admin"),)
    user_roles: tuple[UserRole, ...] = (
        UserRole(
            name="secret-creator",
            rules=(Rule(resources=("secrets",), verbs=("get", "watch", "list", "create")),),
            users=("secret-operator",),
        ),
    )


class System(Model):
    """Kernel and systemd settings of every host; the defaults are those of the guide."""

    sysctl: dict[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]+$")], int | str] = {
        "net.bridge.bridge-nf-call-ip6tables": 1,
        "net.bridge.bridge-nf-call-iptables": 1,
        "net.ipv4.ip_forward": 1,
        "user.max_user_namespaces": 28633,
        "vm.swappiness": 0,
    }
    modules: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")], ...] = ("overlay", "br_netfilter")
    default_timeout_stop_sec: int = Field(5, ge=1, description="Seconds; keeps a reboot from hanging on shims")
    minimum_free_disk_mib: int = Field(4096, ge=0, description="Free space that /var must have")
    minimum_memory_mib: int = Field(1700, ge=0, description="kubeadm's own minimum for a control plane")


class Policy(Model):
    """What may be done without being asked again."""

    reset_on_failure: bool = Field(False, description="Reset a machine whose init or join by this stack was cut short")


class Settings(Model):
    """One stack file."""

    cluster: Cluster
    hosts: dict[HostName, Host]
    ssh: Ssh = Ssh()
    packages: Packages = Packages()
    containerd: Containerd = Containerd()
    images: Images = Images()
    calico: Calico = Calico()
    dashboard: Dashboard = Dashboard()
    access: Access = Access()
    system: System = System()
    policy: Policy = Policy()

    @property
    def control_plane(self) -> Host:
        """The host that kubeadm initialises."""
        return next(host for host in self.hosts.values() if host.role == "control-plane")

    @property
    def workers(self) -> list[Host]:
        """The hosts that join."""
        return [host for host in self.hosts.values() if host.role == "worker"]

    @property
    def pause_image(self) -> str:
        """The pause image that containerd, kubelet and kubeadm agree on."""
        return self.images.rewritten(f"registry.k8s.io/pause:{pause_tag(self.cluster.kubernetes_version)}")
