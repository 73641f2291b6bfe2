"""All settings of a stack, as pydantic models, validated at once and before any resource exists.

Field names are the names of Kubernetes and kubeadm. Secrets are stack settings of their own, marked as secret; a model
only holds the name of such a setting.
"""

from components.settings._patterns import WORDS
from components.settings._types import Registry
from components.settings.access import Access, Role, Rule, ServiceAccount
from components.settings.addons import Calico, Dashboard, StackAddon
from components.settings.cluster import Cluster, Networking, Taint
from components.settings.hosts import Bastion, Host, Ssh
from components.settings.packages import AptRepository, Containerd, Images, Packages, RegistryAccess
from components.settings.proxy import Proxy
from components.settings.stack import Settings
from components.settings.system import Policy, System

__all__ = [
    "WORDS",
    "Access",
    "AptRepository",
    "Bastion",
    "Calico",
    "Cluster",
    "Containerd",
    "Dashboard",
    "Host",
    "Images",
    "Networking",
    "Packages",
    "Policy",
    "Proxy",
    "Registry",
    "RegistryAccess",
    "Role",
    "Rule",
    "ServiceAccount",
    "Settings",
    "Ssh",
    "StackAddon",
    "System",
    "Taint",
]
