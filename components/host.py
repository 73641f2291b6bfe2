"""What every machine gets, whatever its role."""

from __future__ import annotations

import dataclasses

import pulumi

from components.host_files import apt, containerd, kubeadm
from components.host_files.proxy import proxy_files, proxy_variables
from components.settings import Host, Settings
from components.settings.kubeadm_images import kube_proxy_image
from components.settings.versions import oldest_containerd, refuses_cgroup_v1
from components.steps.last_update import LastUpdate
from components.steps.remote import forget, run_step
from components.steps.step import File, Step, command_name

HOSTS_FILE = "/etc/hosts"


class PreparedHost(pulumi.ComponentResource):
    """A machine that has everything but the cluster.

    Its name is the stack's, modules and sysctls hold now and after a reboot, swap is off, containerd runs, kubeadm,
    kubelet and kubectl are there in the stack's version and held, and the first images are pulled. Packages of a node
    that runs are left to its upgrade.

    Two commands: one without a secret, whose preview shows the lines of each file that changes, and one with the
    passwords of the registries. A host that leaves the stack is reset.

    Attributes:
        host: as the stack file says it.
        machine_id: of the machine; None for a host that is gone.
    """

    host: Host
    machine_id: pulumi.Output[str] | None

    def __init__(
        self,
        host: Host,
        settings: Settings,
        last: LastUpdate,
        *,
        images: list[str],
        passwords: pulumi.Output[dict[str, str]],
        lives_in: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Prepare a machine.

        Args:
            images: what to pull early, under the names of their public registries.
            passwords: of the image registries, by their names.
            lives_in: the cluster. When all of it is destroyed, hosts are not reset, unless the stack's policy says so.
        """
        super().__init__("kubeadm:index:PreparedHost", host.name, None, opts)
        self.host, self.machine_id = host, None
        prepare, pull = prepare_step(host, settings, last), images_step(host, settings, last, images)
        if host.gone:
            for step in (prepare, pull):
                if step.name in last.commands:
                    forget(step, settings, opts=pulumi.ResourceOptions(parent=self))
            self.register_outputs({})
            return
        end = None if settings.policy.reset_on_destroy else lives_in
        prepared = run_step(prepare, settings, last, opts=pulumi.ResourceOptions(parent=self, deleted_with=end))
        self.machine_id = prepared.stdout
        credentials = passwords.apply(lambda known: containerd.credential_files(settings, known))
        run_step(
            pull,
            settings,
            last,
            secret_files=credentials if containerd.registries_with_password(settings) else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[prepared]),
        )
        self.register_outputs({})


def prepare_step(host: Host, settings: Settings, last: LastUpdate) -> Step:
    """Everything on a machine that is no secret.

    /etc/hosts names the other hosts. A host that is added later does not touch the others for it: the names that a
    machine was given stay until something else changes on it.
    """
    step = _prepare_step(host, settings, last)
    name_lines = last.file(step.name, HOSTS_FILE)
    recorded = last.commands.get(step.name)
    if name_lines is None or recorded is None:
        return step
    files = [dataclasses.replace(file, content=name_lines) if file.path == HOSTS_FILE else file for file in step.files]
    with_known_names = dataclasses.replace(step, files=files)
    return with_known_names if with_known_names.text() == recorded.stdin else step


def _prepare_step(host: Host, settings: Settings, last: LastUpdate) -> Step:
    repositories = apt.repositories(settings)
    version = settings.cluster.kubernetes_version
    cgroup_v1_is_wanted = settings.cluster.kubelet_configuration.get("failCgroupV1") is False
    values = {
        "ROLE": host.role,
        "RETURNS": str(_returns(host, last)),
        "CLUSTER_ID": cluster_id(),
        # A machine whose node is still there when it is reset was off when the node was deleted.
        "NODE_LEAVES_FIRST": str(not settings.policy.reset_on_destroy).lower(),
        "NODE_IP": str(host.internal_ip),
        "KUBERNETES_VERSION": version,
        "CGROUP_V1_IS_REFUSED": str(refuses_cgroup_v1(version) and not cgroup_v1_is_wanted).lower(),
        "CONTAINERD_PACKAGE": settings.containerd.package,
        "OLDEST_CONTAINERD": ".".join(str(number) for number in oldest_containerd(version)),
        "MODULES": " ".join(settings.system.modules),
        "MINIMUM_FREE_DISK_MIB": str(settings.system.minimum_free_disk_mib),
        "MINIMUM_MEMORY_MIB": str(settings.system.minimum_memory_mib),
        "KEYRINGS": "\n".join(repository.keyring_line for repository in repositories),
        "PROXY_VARIABLES": "\n".join(f"{name}={value}" for name, value in proxy_variables(settings).items()),
        "APT_SOURCES": " ".join(repository.source.path for repository in repositories),
        "REGISTRY_FILES": _paths(containerd.registry_files(settings)),
    }
    # A control plane that leaves takes the cluster with it: that is `pulumi destroy`, and needs the policy.
    undo = "reset" if host.role == "worker" or settings.policy.reset_on_destroy else None
    files = prepared_files(host, settings)
    return Step(command_name(host.name, "prepare"), "prepare", host, values, files, undo=undo, with_scripts=True)


def _returns(host: Host, last: LastUpdate) -> int:
    """How often it came back after its node was out of the cluster, perhaps as another machine with the same key."""
    returns = int(last.value(command_name(host.name, "prepare"), "RETURNS") or 0)
    is_out = {command_name(host.name, step) in last.commands for step in ("prepare", "membership")} == {True, False}
    return returns + 1 if is_out and host.role == "worker" else returns


def images_step(host: Host, settings: Settings, last: LastUpdate, images: list[str]) -> Step:
    """The passwords of the registries, and the first images.

    Args:
        images: beside those that a node needs before it is Ready.
    """
    with_password = dict.fromkeys(containerd.registries_with_password(settings), "")
    of_every_node = [settings.pause_image, settings.images.rewritten(kube_proxy_image(settings))]
    values = {
        "ROLE": host.role,
        "RETURNS": str(_returns(host, last)),
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        "IMAGES": "\n".join([*of_every_node, *(settings.images.rewritten(image) for image in images)]),
        "KUBEADM_PAUSE_IMAGE": "" if settings.containerd.pause_image else settings.pause_image,
        "REGISTRY_FILES": _paths(containerd.credential_files(settings, with_password)),
        "PASSWORD_KEYS": "\n".join(
            f"{name} {settings.containerd.registries[name].password_key}" for name in with_password
        ),
    }
    return Step(command_name(host.name, "images"), "images", host, values)


def prepared_files(host: Host, settings: Settings) -> list[File]:
    """Every file without a secret that the stack puts on a host."""
    system = settings.system
    names = "".join(f"{each.internal_ip}\t{each.name}\n" for each in settings.hosts.values() if not each.gone)
    sysctls = "".join(f"{name} = {value}\n" for name, value in {**system.sysctl, **host.sysctl}.items())
    is_control_plane = host.role == "control-plane"
    configuration = kubeadm.init_configuration if is_control_plane else kubeadm.join_configuration
    files = [
        File(HOSTS_FILE, names),
        File("/etc/modules-load.d/kubernetes.conf", "".join(f"{module}\n" for module in system.modules)),
        File("/etc/sysctl.d/99-kubernetes.conf", sysctls),
        File(
            "/etc/systemd/system.conf.d/kubernetes.conf",
            f"[Manager]\nDefaultTimeoutStopSec={system.default_timeout_stop_sec}s\n",
        ),
    ]
    for repository in apt.repositories(settings):
        files += [repository.source, *([repository.keyring] if repository.keyring else [])]
    files += proxy_files(settings)
    files += containerd.configuration_files(settings)
    files += containerd.registry_files(settings)
    files.append(configuration(host, settings))
    return files


def cluster_id() -> str:
    """Project and stack: a machine belongs to one."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def _paths(files: list[File]) -> str:
    return " ".join(file.path for file in files)
