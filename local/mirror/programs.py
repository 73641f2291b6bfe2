"""Every Go program in the mirror's packages and images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from local.mirror import versions
from local.mirror.versions import Calico, release
from local.toolchain.go import Edit, GoProgram

MODULES = Path(__file__).parent / "modules"
CALICO_PATH = "github.com/projectcalico/calico"
METALLB_PATH = "go.universe.tf/metallb"

KUBERNETES_NAMES = (
    "kubeadm",
    "kubelet",
    "kubectl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
)
CNI_PLUGIN_PACKAGES = (
    "main/loopback",
    "main/bridge",
    "meta/portmap",
    "meta/bandwidth",
    "meta/tuning",
    "ipam/host-local",
)
CONTAINERD_NAMES = ("containerd", "containerd-shim-runc-v2", "ctr")


def kubernetes(version: str) -> list[GoProgram]:
    """Kubernetes as kubeadm installs it; version stamps as upstream's `hack/lib/version.sh` sets them."""
    _, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": "1", "gitMinor": minor, "gitTreeState": "clean"}
    stamps = tuple(
        (f"{package}/version.{name}" if package.endswith("component-base") else f"{package}.{name}", value)
        for package in ("k8s.io/component-base", "k8s.io/client-go/pkg/version")
        for name, value in values.items()
    )
    module, go = MODULES / f"kubernetes-{version}", release(version).go
    return [GoProgram(name, module, f"k8s.io/kubernetes/cmd/{name}", stamps, go) for name in KUBERNETES_NAMES]


def etcd(version: str) -> list[GoProgram]:
    """The etcd of a Kubernetes version, and the programs of its image by which scripts read, save and restore etcd.

    The etcdctl of 3.5.3 is the one of 3.5.0 with the packages of 3.5.3: the registry of Go modules has no newer one
    before 3.5.5.
    """
    chosen = release(version)
    module = MODULES / f"etcd-{chosen.etcd}"
    programs = {"etcd": "server", "etcdutl": "etcdutl", "etcdctl": "etcdctl"}
    return [GoProgram(name, module, f"go.etcd.io/etcd/{path}/v3", (), chosen.go) for name, path in programs.items()]


def coredns(version: str) -> GoProgram:
    """The CoreDNS of a Kubernetes version."""
    chosen = release(version)
    module = MODULES / f"coredns-{chosen.coredns}"
    return GoProgram("coredns", module, "github.com/coredns/coredns", (), chosen.go)


def crictl() -> GoProgram:
    """The crictl for containerd 1.6 and newer, whose CRI is v1."""
    path = "github.com/kubernetes-sigs/cri-tools"
    stamps = ((f"{path}/pkg/version.Version", f"v{versions.CRI_TOOLS}"),)
    return GoProgram("crictl", MODULES / "cri-tools", f"{path}/cmd/crictl", stamps)


def crictl_of_v1alpha2() -> GoProgram:
    """The crictl for older containerd: v1 has the messages of v1alpha2, and other names of the services.

    This function may be deleted when the registry of Go modules serves a cri-tools that supports both, such as 1.24.
    """
    services = Edit("k8s.io/cri-api", "pkg/apis/runtime/v1/api.pb.go", "runtime.v1.", "runtime.v1alpha2.")
    return replace(crictl(), name="crictl-v1alpha2", edits=(services,))


def others() -> list[GoProgram]:
    """Programs that every Kubernetes version shares, and the programs of the mirror's own images."""
    containerd = "github.com/containerd/containerd/v2"
    containerd_stamps = ((f"{containerd}/version.Version", f"v{versions.CONTAINERD}"),)
    return [
        crictl(),
        *(
            GoProgram(name, MODULES / "containerd", f"{containerd}/cmd/{name}", containerd_stamps)
            for name in CONTAINERD_NAMES
        ),
        *(
            GoProgram(
                path.partition("/")[2],
                MODULES / "cni-plugins",
                f"github.com/containernetworking/plugins/plugins/{path}",
            )
            for path in CNI_PLUGIN_PACKAGES
        ),
        *(GoProgram(name, MODULES / name, ".") for name in ("pause", "dashboard-stand-in", "probe")),
    ]


def metrics_server() -> GoProgram:
    """metrics-server."""
    path = "sigs.k8s.io/metrics-server"
    stamps = (("k8s.io/client-go/pkg/version.gitVersion", f"v{versions.METRICS_SERVER}"),)
    return GoProgram("metrics-server", MODULES / "metrics-server", f"{path}/cmd/metrics-server", stamps)


def local_path() -> GoProgram:
    """The provisioner of local-path."""
    path = "github.com/rancher/local-path-provisioner"
    stamps = (("main.VERSION", f"v{versions.LOCAL_PATH}"),)
    return GoProgram("local-path-provisioner", MODULES / "local-path-provisioner", path, stamps)


def metallb() -> list[GoProgram]:
    """The controller and the speaker of MetalLB."""
    return [GoProgram(name, metallb_module(), f"{METALLB_PATH}/{name}") for name in ("controller", "speaker")]


def metallb_module() -> Path:
    """Directory of the go.mod that requires MetalLB."""
    return MODULES / "metallb"


def calico_module(chosen: Calico) -> Path:
    """Directory of the go.mod that requires a Calico."""
    return MODULES / f"calico-{chosen.version}"


def calico(chosen: Calico) -> list[GoProgram]:
    """The programs of a Calico, as its images name them."""
    packages = {
        "calico-node": "node/cmd/calico-node",
        "mountns": "node/cmd/mountns",
        "calico": "cni-plugin/cmd/calico",
        "install": "cni-plugin/cmd/install",
        "kube-controllers": "kube-controllers/cmd/kube-controllers",
        "check-status": "kube-controllers/cmd/check-status",
        **({"wrapper": "kube-controllers/cmd/wrapper"} if chosen.has_wrapper else {}),
    }
    stamps = {
        "calico-node": f"{CALICO_PATH}/node/pkg/lifecycle/startup.VERSION",
        "calico": "main.VERSION",
        "install": "main.VERSION",
        "kube-controllers": "main.VERSION",
    }
    return [
        GoProgram(
            name,
            calico_module(chosen),
            f"{CALICO_PATH}/{package}",
            ((stamps[name], f"v{chosen.version}"),) if name in stamps else (),
        )
        for name, package in packages.items()
    ]
