"""The mirror of an environment: a container on its network, with a web server and an image registry."""

from __future__ import annotations

import base64
import http.client
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from local.environment import MIRROR_HOST_NAME, Environment
from local.machines.engine import LABEL, inspected, owner, podman
from local.machines.network import ensure_network
from local.mirror import versions
from local.mirror.apt_repository import KEYRING, fingerprint
from local.mirror.content import FILES, combined_key
from local.mirror.credentials import USER, Credentials
from local.mirror.debian_root import RELEASE, archive_root
from local.mirror.images import DOCKER_PREFIX, KUBERNETES_PREFIX
from local.mirror.manifest import web_path
from local.mirror.packages import WEB
from local.mirror.registry import STORAGE
from local.paths import MIRROR
from problem import StepError

PACKAGES = ("bash", "nginx-light", "docker-registry")
IMAGE = f"localhost/pulumi-kubeadm/mirror:{combined_key(RELEASE, *PACKAGES)[:12]}"
START_SECONDS = 30
POLL_SECONDS = 0.1
CONTENT_KEY = "pulumi-kubeadm-content"
"""Label of the container: the key of the settings that the container was started with."""


@dataclass(frozen=True)
class MirrorAccess:
    """The settings of a stack that uses a mirror.

    Attributes:
        package_repository_url: URL with `{minor}` in place of the minor version of Kubernetes, such as 1.36.
        containerd_repository_url: URL of containerd's repository; None for the distribution's containerd.
        keyring: ASCII-armored public key of both package repositories, on this host.
        fingerprint: fingerprint of that key.
        ca_file: CA certificate of the image registry, on this host.
        rewrite: prefix in the image registry by source registry.
        web_url: address of the web server, of which the manifests are below.
        dashboard_image: stand-in for the Kubernetes Dashboard, by its name before rewriting.
        metrics_scraper_image: stand-in for the metrics scraper, by its name before rewriting.
        probe_image: image for tests of the network, by its full name in the image registry.
    """

    package_repository_url: str
    containerd_repository_url: str | None
    keyring: Path
    fingerprint: str
    ca_file: Path
    registry: str
    username: str
    password: str
    rewrite: dict[str, str]
    web_url: str
    dashboard_image: str
    metrics_scraper_image: str
    probe_image: str

    @staticmethod
    def metrics_server_settings(kubernetes: str) -> dict[str, str]:
        """Settings that leave metrics-server out where the mirror has none for a Kubernetes version, by their paths."""
        return {} if versions.release(kubernetes).has_metrics_server else {"metricsServer.enabled": "false"}

    def calico_settings(self, kubernetes: str) -> dict[str, str]:
        """Settings that lead to the Calico of a Kubernetes version, by their paths."""
        calico = versions.release(kubernetes).calico
        url = f"{self.web_url}/{web_path(calico)}"
        return {"calico.manifestUrl": url, "calico.manifestSha256": calico.sha256}


def access(environment: Environment) -> MirrorAccess:
    """The settings that lead to the mirror of an environment; missing credentials are created."""
    credentials = Credentials(environment)
    credentials.ensure()
    return MirrorAccess(
        package_repository_url=f"http://{MIRROR_HOST_NAME}/core:/stable:/v{{minor}}/deb/",
        containerd_repository_url=f"http://{MIRROR_HOST_NAME}/containerd/deb/",
        keyring=KEYRING,
        fingerprint=fingerprint(),
        ca_file=credentials.authority,
        registry=MIRROR_HOST_NAME,
        username=USER,
        password=credentials.password,
        rewrite={
            "registry.k8s.io": f"{MIRROR_HOST_NAME}/{KUBERNETES_PREFIX}",
            "docker.io": f"{MIRROR_HOST_NAME}/{DOCKER_PREFIX}",
            "quay.io": f"{MIRROR_HOST_NAME}/quay",
        },
        web_url=f"http://{environment.mirror_address}",
        dashboard_image=f"docker.io/dashboard-stand-in:{versions.STAND_IN}",
        metrics_scraper_image=f"docker.io/metrics-scraper-stand-in:{versions.STAND_IN}",
        probe_image=f"{MIRROR_HOST_NAME}/{DOCKER_PREFIX}/probe:{versions.PROBE}",
    )


def serve(environment: Environment) -> MirrorAccess:
    """Start the mirror at `environment.mirror_address`, unless it already answers.

    Raises:
        StepError: the container cannot be started, or does not answer within START_SECONDS.
    """
    ensure_network(environment)
    ensure_image()
    found = access(environment)
    name, key = _container(environment), _key(found)
    running = inspected("container", name, step="inspect the mirror")
    if not (running and running["State"]["Running"] and running["Config"]["Labels"].get(CONTENT_KEY) == key):
        stop(environment)
        _start(environment, key)
    _wait_until_it_answers(environment, found)
    return found


def stop(environment: Environment) -> None:
    """Delete the container of the mirror; credentials and content stay, as does the container of another checkout."""
    name = _container(environment)
    found = inspected("container", name, step="inspect the mirror")
    if found and found["Config"]["Labels"].get(LABEL) == owner(environment):
        podman("rm", "--force", "--time", "5", name, step=f"stop {name}")


def ensure_image() -> None:
    """Import the file system of the mirror into podman."""
    step = "make the mirror's file system"
    if inspected("image", IMAGE, step=step):
        return
    MIRROR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MIRROR, prefix=".mirror-") as scratch:
        archive = Path(scratch) / "root.tar"
        archive_root(PACKAGES, archive)
        podman("import", "--quiet", str(archive), IMAGE, step=step)
    repository = IMAGE.rpartition(":")[0]
    used = podman("ps", "--all", "--format", "{{.Image}}", step=step).split()
    for old in podman("images", "--format", "{{.Repository}}:{{.Tag}}", repository, step=step).split():
        if old != IMAGE and old not in used:
            podman("rmi", old, step=step)


def _start(environment: Environment, key: str) -> None:
    mounts = {
        WEB: "/srv/www",
        STORAGE: "/srv/registry",
        Credentials(environment).directory: "/srv/tls",
        FILES / "server": "/etc/mirror",
    }
    podman(
        *("run", "--detach", "--name", _container(environment), "--hostname", "mirror"),
        *environment.network_options(environment.mirror_address),
        "--read-only",
        *("--label", f"{LABEL}={owner(environment)}", "--label", f"{CONTENT_KEY}={key}"),
        *("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000", "--restart", "always"),
        *(argument for source, target in mounts.items() for argument in ("--volume", f"{source}:{target}:ro")),
        *(IMAGE, "/etc/mirror/start.sh"),
        step=f"start {_container(environment)}",
    )


def _wait_until_it_answers(environment: Environment, found: MirrorAccess) -> None:
    """Wait until both servers answer, with the certificate and password of the machines."""
    deadline = time.monotonic() + START_SECONDS
    authorization = base64.b64encode(f"{found.username}:{found.password}".encode()).decode()
    registry = urllib.request.Request(
        f"https://{environment.mirror_address}/v2/", headers={"Authorization": f"Basic {authorization}"}
    )
    context = ssl.create_default_context(cafile=str(found.ca_file))
    # No proxy serves a network of this host.
    direct = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    opener = urllib.request.build_opener(*direct)
    while True:
        try:
            for address in (registry, f"{found.web_url}/answers"):
                opener.open(address, timeout=START_SECONDS).close()
        except (OSError, http.client.HTTPException) as error:  # half of an answer while a server starts
            if isinstance(error, urllib.error.HTTPError) or time.monotonic() > deadline:
                name = _container(environment)
                raise StepError(
                    f"start {name}",
                    expected=f"web server and image registry at {environment.mirror_address}",
                    seen=str(error) or type(error).__name__,
                    next_command=f"podman logs {name}",
                ) from error
            time.sleep(POLL_SECONDS)  # two servers in a container send no signal that they listen
        else:
            return


def _key(found: MirrorAccess) -> str:
    files = [path.read_text() for path in sorted((FILES / "server").iterdir())]
    return combined_key(IMAGE, found.ca_file.read_text(), found.password, WEB, STORAGE, *files)[:16]


def _container(environment: Environment) -> str:
    return f"{environment.name}-mirror"
