"""Values of a preparation and of a reset, and of the cluster that a machine belongs to."""

from __future__ import annotations

from components.host_files import File
from components.host_files.apt import LOGINS

CLUSTER = {"CLUSTER_ID": "0123456789abcdef", "CLUSTER_NAME": "dev"}
LOGIN = File(LOGINS, "machine apt.example.com login robot password canary\n", mode="0600")

MACHINE_VALUES = {
    "ROLE": "control-plane",
    "MINIMUM_MEMORY_MIB": "1700",
    "MINIMUM_FREE_DISK_MIB": "4096",
    "KUBERNETES_VERSION": "1.36.3",
    "CGROUP_V1_IS_REFUSED": "true",
    "NODE_IP": "192.0.2.11",
    "OWN_LOAD_BALANCER": "",
    "VIP": "",
    "IGNORE_PREFLIGHT_ERRORS": "",
    "OLDEST_KERNEL": "",
    "CONTAINERD_PACKAGE": "containerd",
    "CONTAINERD_IS_OF_DISTRIBUTION": "true",
    "OLDEST_CONTAINERD": "1.6",
    "NEED_RELEASE": "",
    "RESOLVER_CONFIGURATION": "",
}

HOSTS = "127.0.0.1\tlocalhost\n127.0.1.1\ttemplate.example.com template\n::1\tlocalhost\n"
"""/etc/hosts of a machine that has the name of its template."""

RESET = {"CLUSTER_ID": "kubeadm/dev", "CLUSTER_NAME": "dev", "NODE_LEAVES_FIRST": "true", "ROLE": "worker"}
"""A reset of a worker."""
