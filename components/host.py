"""What every machine gets, whatever its role."""

from __future__ import annotations

import pulumi

from components import containerd, kubeadm_config, kubernetes_packages
from components._remote import File, run_step
from components.settings import Host, Settings
from components.versions import minor_of


class PreparedHost(pulumi.ComponentResource):
    """A machine that has everything but the cluster.

    Its name is the stack's, modules and sysctls hold now and after a reboot, swap is off, containerd runs, kubeadm,
    kubelet and kubectl are there in the stack's version and held, and the first images are pulled.

    Two commands: one without a secret, whose preview shows the lines of each file that changes, and one with the
    passwords of the registries.

    Attributes:
        host: as the stack file says it.
    """

    host: Host

    def __init__(
        self,
        host: Host,
        settings: Settings,
        *,
        cluster_id: str,
        images: list[str],
        passwords: pulumi.Output[dict[str, str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Prepare a machine.

        Args:
            cluster_id: project and stack; a machine belongs to one.
            images: what to pull early, under the names of their public registries.
            passwords: of the image registries, by their names.
        """
        super().__init__("kubeadm:index:PreparedHost", host.name, None, opts)
        self.host = host
        role = {"ROLE": host.role}
        repositories = kubernetes_packages.repositories(settings)
        prepare = run_step(
            f"{host.name}-prepare",
            "prepare",
            host,
            settings,
            with_scripts=True,
            values=role
            | {
                "CLUSTER_ID": cluster_id,
                "NODE_IP": str(host.internal_ip),
                "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
                "KUBERNETES_MINOR": str(minor_of(settings.cluster.kubernetes_version)),
                "ALLOW_CGROUP_V1": str(settings.cluster.kubelet_configuration.get("failCgroupV1") is False).lower(),
                "CONTAINERD_PACKAGE": settings.containerd.package,
                "MODULES": " ".join(settings.system.modules),
                "MINIMUM_FREE_DISK_MIB": str(settings.system.minimum_free_disk_mib),
                "MINIMUM_MEMORY_MIB": str(settings.system.minimum_memory_mib),
                "KEYRINGS": "\n".join(repository.keyring_line for repository in repositories),
                "APT_SOURCES": " ".join(repository.source.path for repository in repositories),
                "REGISTRY_FILES": _paths(containerd.registry_files(settings)),
            },
            files=prepared_files(host, settings),
            opts=pulumi.ResourceOptions(parent=self),
        )
        credentials = passwords.apply(lambda known: containerd.credential_files(settings, known))
        with_password = {name: "" for name, access in settings.containerd.registries.items() if access.username}
        run_step(
            f"{host.name}-images",
            "images",
            host,
            settings,
            values=role
            | {
                "IMAGES": "\n".join(settings.images.rewritten(image) for image in images),
                "PAUSE_IMAGE": settings.pause_image,
                "REGISTRY_FILES": _paths(containerd.credential_files(settings, with_password)),
            },
            secret_files=credentials if with_password else (),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[prepare]),
        )
        self.register_outputs({})


def prepared_files(host: Host, settings: Settings) -> list[File]:
    """Every file without a secret that the stack puts on a host."""
    system = settings.system
    hosts = "".join(f"{each.internal_ip}\t{each.name}\n" for each in settings.hosts.values())
    sysctls = "".join(f"{name} = {value}\n" for name, value in system.sysctl.items())
    is_control_plane = host.role == "control-plane"
    configuration = kubeadm_config.init_configuration if is_control_plane else kubeadm_config.join_configuration
    files = [
        File("/etc/hosts", hosts),
        File("/etc/modules-load.d/kubernetes.conf", "".join(f"{module}\n" for module in system.modules)),
        File("/etc/sysctl.d/99-kubernetes.conf", sysctls),
        File(
            "/etc/systemd/system.conf.d/kubernetes.conf",
            f"[Manager]\nDefaultTimeoutStopSec={system.default_timeout_stop_sec}s\n",
        ),
    ]
    for repository in kubernetes_packages.repositories(settings):
        files += [repository.source, *([repository.keyring] if repository.keyring else [])]
    files += containerd.configuration_files(settings)
    files += containerd.registry_files(settings)
    files.append(configuration(host, settings))
    return files


def _paths(files: list[File]) -> str:
    return " ".join(file.path for file in files)
