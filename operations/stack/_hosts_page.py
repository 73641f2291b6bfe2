"""The page of requirements of hosts as Markdown: ports, packages and kernel features, collected from the code."""

from __future__ import annotations

import re
from pathlib import Path

from components.settings.packages import DISTRIBUTIONS_CONTAINERD, DOCKERS_CONTAINERD
from components.settings.ports import LOCAL_PORTS, PORTS, Port
from components.settings.stack import MODULES_OF_KUBE_PROXY
from components.settings.system import MODULES_OF_SYSCTLS, MODULES_OF_THE_GUIDE, SYSCTLS_OF_THE_GUIDE
from components.settings.versions import FIRST_MINOR_THAT_REFUSES_CGROUP_V1, OLDEST_KERNELS
from components.steps.scripts import SCRIPTS
from operations.stack._markdown import table

INTRODUCTION = """\
# What hosts need

Written by `make configuration` from `components/settings` and `scripts`; do not edit it here.

A host is a Debian, or a derivative with apt, with systemd and cgroups, an SSH server, and a login of root, or of a user
with sudo that asks for no password. An update looks at memory, CPUs, disks, cgroups and kernel before it changes one.
"""
PORTS_TEXT = """\
## Ports

What firewalls between machines leave open. The addresses of hosts are those of `nodeIp`, or `address` without it; SSH
uses `address`. `make status` connects to each port of a checked row, from the hosts that need it, and names what is
closed. Calico's manifests in `manifests/sources.yaml` run without BGP and Typha; one of `calico.manifestUrl` may need
TCP 179 or 5473. No update opens a port: ufw or firewalld is yours. NetworkManager and systemd-networkd are told to
leave the links of the pod network alone.

The picture has one control plane, two workers and the default add-ons; there is one of [three control
planes](tutorials/three-control-planes.md#1-the-endpoint), too.

[![Who connects to which port, from elsewhere and between hosts](pictures/network.svg)](pictures/network.svg)
"""
LOCAL_TEXT = """\
On the machine itself these have to be free; no firewall has to open them:
"""
PACKAGES_TEXT = """\
## Packages

apt installs them from the repositories of the stack and of the distribution, with what they depend on; none is removed.
A machine has `ip`, of the package iproute2, beforehand: it is looked at before anything is installed.
"""
KERNEL_TEXT = f"""\
## Names

Pods with the DNS of their host, such as CoreDNS, get the name servers of the file that `resolvConf` of
`cluster.kubeletConfiguration` names; without it kubeadm takes that of systemd-resolved where it runs, and
/etc/resolv.conf elsewhere; up to 1.30 it takes the file of the first control plane for all nodes. Refused on a new
host: a name server at a loop-back address, which in a pod is the pod itself, a file that is not there, without which
no pod starts, and a search domain that answers for every name. A host whose name and /etc/hosts cloud-init writes at
each boot keeps the names of the stack; netplan and its networks stay as they are.

## Kernel

The memory controller of cgroups; cgroup v2 from Kubernetes 1.{FIRST_MINOR_THAT_REFUSES_CGROUP_V1} on. These modules are
loaded, now and at boot, unless they are built in. Calico needs `vxlan` and the modules of its iptables or nftables
rules beside them, which the kernel loads itself.
"""
SYSCTLS_TEXT = """\
These sysctls hold, now and after a reboot; `system.sysctl` adds others, and `null` takes one away:
"""
HEREDOC = re.compile(r"<<'PROGRAMS'\n(.*?)\nPROGRAMS\n", re.DOTALL)
INSTALL_PROGRAM = re.compile(r"install_program ([a-z]+) ")
INSTALL_HELD = re.compile(r"install_held ((?:[a-z]+ ?)+)$", re.MULTILINE)


def hosts_page(scripts: Path = SCRIPTS) -> str:
    """The whole page.

    Args:
        scripts: directory of the scripts that run on hosts.
    """
    columns = ("Protocol", "Port", "From", "To", "For")
    return "\n".join(
        [
            INTRODUCTION,
            PORTS_TEXT,
            table((*columns, "Checked"), ((*_cells(port), "yes" if port.is_checked else "") for port in PORTS)),
            LOCAL_TEXT,
            table(("Protocol", "Port", "On", "For"), ((*_cells(each)[:3], each.purpose) for each in LOCAL_PORTS)),
            PACKAGES_TEXT,
            table(("Package", "On"), _packages(scripts / "parts" / "prepare")),
            KERNEL_TEXT,
            table(("Module", "When"), _modules()),
            SYSCTLS_TEXT,
            table(("Sysctl", "Value"), ((f"`{name}`", str(value)) for name, value in SYSCTLS_OF_THE_GUIDE.items())),
        ]
    )


def _cells(port: Port) -> tuple[str, ...]:
    return port.protocol, port.number, port.source, port.target, port.purpose


def _packages(parts: Path) -> list[tuple[str, str]]:
    """Packages by the scripts that install them, with the hosts that get them."""
    programs = HEREDOC.findall((parts / "programs.sh").read_text())[0].split("\n")
    missing = [(line.split()[1], f"hosts without `{line.split()[0]}`") for line in programs]
    held = INSTALL_HELD.findall((parts / "kubernetes.sh").read_text())[0].split()
    (balancer,), (vip,) = (
        INSTALL_PROGRAM.findall((parts / f"{part}.sh").read_text()) for part in ("load_balancer", "vip")
    )
    return [
        *missing,
        ("apparmor", "new hosts without `apparmor_parser` whose kernel has AppArmor"),
        (
            f"{DISTRIBUTIONS_CONTAINERD} or {DOCKERS_CONTAINERD}",
            "every host; `containerd.package`, or what Kubernetes needs",
        ),
        *((package, "every host, in the version of `cluster.kubernetesVersion`, held") for package in held),
        (balancer, "workers, where the cluster has several control planes"),
        (vip, "control planes, where `cluster.vip` is set"),
    ]


def _modules() -> list[tuple[str, str]]:
    """Modules, and the setting that needs each."""
    rows = [(f"`{module}`", "on every host") for module in MODULES_OF_THE_GUIDE]
    for mode, modules in MODULES_OF_KUBE_PROXY.items():
        oldest = f", Linux {OLDEST_KERNELS[mode]} or newer" if mode in OLDEST_KERNELS else ""
        rows += [(f"`{module}`", f"with mode {mode} of kube-proxy{oldest}") for module in modules]
    rows += [
        (f"`{module}`", f"with a sysctl of `system.sysctl` that begins with `{prefix}`")
        for prefix, module in MODULES_OF_SYSCTLS.items()
        if module not in MODULES_OF_THE_GUIDE
    ]
    return rows
