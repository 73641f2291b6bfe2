"""The images of the mirror, under the rewritten names that a stack pulls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local.mirror import programs, registry, versions
from local.mirror.content import Content, calico_file, combined_key, content_key, program
from local.mirror.debian_root import RELEASE
from local.mirror.layers import LAYOUT, NETWORK_PACKAGES, debian_layer, files_layer
from local.paths import MIRROR

KUBERNETES_PREFIX = "gcr"
DOCKER_PREFIX = "dockerhub"
STAMPS = MIRROR / "images"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """An image for amd64.

    Attributes:
        repository: name of the repository in the mirror's registry.
        debian: the image has a small Debian below its files.
        writable: directories that every user may write to.
        environment: environment variables beside PATH.
        path: value of PATH.
        user: user of the container; empty for root.
    """

    repository: str
    tag: str
    contents: tuple[Content, ...]
    debian: bool = False
    writable: tuple[str, ...] = ("/tmp",)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    path: str = PATH
    directory: str = "/"
    user: str = ""

    @property
    def name(self) -> str:
        """Repository and tag of the image."""
        return f"{self.repository}:{self.tag}"

    @property
    def key(self) -> str:
        """Key of the image's content."""
        base = (RELEASE, NETWORK_PACKAGES) if self.debian else ()
        settings = (self.entrypoint, self.command, self.environment, self.path, self.directory, self.user)
        return combined_key(LAYOUT, base, self.writable, settings, content_key(self.contents))

    def is_built(self) -> bool:
        """True where the registry has the complete image, built from the current content."""
        is_current = self._stamp.exists() and self._stamp.read_text() == self.key
        return is_current and registry.is_complete(self.repository, self.tag)

    def build(self) -> None:
        """Build the image and tag it in the registry.

        Raises:
            StepError: a program of the image does not build, or Debian's packages cannot be downloaded.
        """
        base = [debian_layer()] if self.debian else []
        # Debian has a /tmp of its own.
        writable = tuple(path for path in self.writable if not (self.debian and path == "/tmp"))
        layers = [*base, files_layer(self.contents, writable)]
        config = {
            "Env": [f"PATH={self.path}", *self.environment],
            "Entrypoint": list(self.entrypoint) or None,
            "Cmd": list(self.command) or None,
            "WorkingDir": self.directory,
            "User": self.user,
        }
        image = {
            "architecture": "amd64",
            "os": "linux",
            "config": {name: value for name, value in config.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        }
        registry.tag_image(self.repository, self.tag, registry.put_json(image), layers)
        STAMPS.mkdir(parents=True, exist_ok=True)
        self._stamp.write_text(self.key)

    @property
    def _stamp(self) -> Path:
        return STAMPS / f"{self.name.replace('/', '_')}.key"


def all_images(version: str) -> list[Image]:
    """Every image that the mirror serves with a Kubernetes version."""
    chosen = versions.release(version)
    add_ons = [_metrics_server()] if chosen.has_metrics_server else []
    return [*_kubernetes(version), *_calico(chosen.calico), *add_ons, *_own()]


def add_on_images() -> list[Image]:
    """Images of the add-ons that no stack has by default: only the tests of add-ons build them."""
    local_path = program(programs.local_path(), "/usr/bin/local-path-provisioner")
    return [
        Image(f"{DOCKER_PREFIX}/rancher/local-path-provisioner", f"v{versions.LOCAL_PATH}", (local_path,)),
        # A shell, mkdir and rm: what local-path needs of its helper image.
        Image(f"{DOCKER_PREFIX}/shell-stand-in", versions.STAND_IN, (), debian=True),
        _stand_in("headlamp-stand-in", "headlamp"),
        *(
            Image(
                *(f"quay/metallb/{each.name}", f"v{versions.METALLB}", (program(each, f"/{each.name}"),)),
                entrypoint=(f"/{each.name}",),
            )
            for each in programs.metallb()
        ),
    ]


def _kubernetes(version: str) -> list[Image]:
    """Images of `kubeadm config images list`. Static pods call their programs by name."""
    chosen = versions.release(version)
    built = {each.name: each for each in [*programs.kubernetes(version), programs.coredns(version), *programs.others()]}

    def image(name: str, tag: str, target: str, **settings: object) -> Image:
        contents = (program(built[name], target),)
        return Image(f"{KUBERNETES_PREFIX}/{name}", tag, contents, **settings)  # type: ignore[arg-type]

    etcd = tuple(program(each, f"/usr/local/bin/{each.name}") for each in programs.etcd(version))

    plain = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    return [
        *(image(name, f"v{version}", f"/usr/local/bin/{name}") for name in plain),
        image("kube-proxy", f"v{version}", "/usr/local/bin/kube-proxy", debian=True),
        Image(f"{KUBERNETES_PREFIX}/etcd", f"{chosen.etcd}-0", etcd),
        image("coredns", f"v{chosen.coredns}", "/coredns", entrypoint=("/coredns",)),
        image("pause", chosen.pause, "/pause", entrypoint=("/pause",), user="65535:65535"),
    ]


def _calico(chosen: versions.Calico) -> list[Image]:
    """Images of a Calico, as the Dockerfiles in Calico's repository lay them out; without BIRD, for VXLAN only."""
    built = {each.name: each for each in [*programs.calico(chosen), *programs.others()]}
    repositories, tag = f"{chosen.prefix}/calico", f"v{chosen.version}"
    plugins = "/opt/cni/bin"
    calico = built["calico"]
    wrapper = ("wrapper",) if chosen.has_wrapper else ()
    return [
        Image(
            *(f"{repositories}/node", tag),
            (
                program(built["calico-node"], "/usr/bin/calico-node"),
                program(built["mountns"], "/usr/bin/mountns"),
                calico_file(chosen, "node/filesystem/etc", "/etc"),
                calico_file(chosen, "node/filesystem/sbin", "/usr/sbin"),
            ),
            debian=True,
            command=("start_runit",),
            environment=(
                "SVDIR=/etc/service/enabled",
                # Without libbpf, which needs C, Felix of 3.31 ends at its clean-up of eBPF, which nothing here uses.
                "FELIX_DebugSkipCTLBCleanup=true",
            ),
        ),
        Image(
            *(f"{repositories}/cni", tag),
            (
                program(built["install"], f"{plugins}/install"),
                # A program under two names, as in Calico's own image: the program checks the name of its call.
                *(program(calico, f"{plugins}/{name}") for name in ("calico", "calico-ipam")),
                *(
                    program(built[name], f"{plugins}/{name}")
                    for name in ("loopback", "host-local", "portmap", "bandwidth", "tuning")
                ),
            ),
            command=(f"{plugins}/install",),
            path=f"{plugins}:{PATH}",
            directory=plugins,
        ),
        Image(
            *(f"{repositories}/kube-controllers", tag),
            tuple(program(built[name], f"/usr/bin/{name}") for name in (*wrapper, "kube-controllers", "check-status")),
            writable=("/tmp", "/status", "/profiles"),
            entrypoint=tuple(f"/usr/bin/{name}" for name in (*wrapper, "kube-controllers")),
            user="999",
        ),
    ]


def _metrics_server() -> Image:
    built = program(programs.metrics_server(), "/metrics-server")
    repository = f"{KUBERNETES_PREFIX}/metrics-server/metrics-server"
    return Image(repository, f"v{versions.METRICS_SERVER}", (built,), entrypoint=("/metrics-server",), user="65534")


def _own() -> list[Image]:
    probe = next(program(each, "/probe") for each in programs.others() if each.name == "probe")
    return [
        _stand_in("dashboard-stand-in"),
        _stand_in("metrics-scraper-stand-in", "metrics-scraper"),
        Image(f"{DOCKER_PREFIX}/probe", versions.PROBE, (probe,), entrypoint=("/probe",)),
    ]


def _stand_in(name: str, *mode: str) -> Image:
    """The stand-in for dashboards; `mode` names the image that the stand-in replaces."""
    path = "/dashboard-stand-in"
    built = next(program(each, path) for each in programs.others() if each.name == "dashboard-stand-in")
    return Image(f"{DOCKER_PREFIX}/{name}", versions.STAND_IN, (built,), entrypoint=(path, *mode))
