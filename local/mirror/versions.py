"""What the mirror holds. Each version is what the newest Kubernetes here names or was tested with."""

from __future__ import annotations

KUBERNETES = "1.36.3"
ETCD = "3.6.8"
"""kubeadm 1.36.3, app/constants/constants.go, DefaultEtcdVersion."""
COREDNS = "1.14.2"
"""kubeadm 1.36.3, app/constants/constants.go, CoreDNSVersion."""
PAUSE = "3.10.2"
"""kubeadm 1.36.3, app/constants/constants.go, PauseVersion."""
CONTAINERD = "2.2.0"
CNI_PLUGINS = "1.9.0"
CRI_TOOLS = "1.30.0"
CALICO = "3.28.5"
CALICO_MODULE = "v1.11.0-cni-plugin.0.20250813170300-a0db560f0520"
"""The state of Calico's repository at its release 3.28.5: its manifests name images of that version."""
STAND_IN = "1"
PROBE = "1"
