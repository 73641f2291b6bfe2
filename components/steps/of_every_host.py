"""The steps of every host: `prepare` and `images`, and `repositories` where a package repository has a login."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from components.host_files import File, apt, containerd, files_of, vip
from components.host_files.proxy import proxy_variables
from components.host_files.results import result_files
from components.host_files.system import HOSTS_FILE, api_line
from components.settings import Host, Settings
from components.settings.kubeadm_images import kube_proxy_image
from components.settings.versions import OLDEST_KERNELS, oldest_containerd, refuses_cgroup_v1
from components.steps.control_planes import ControlPlanes
from components.steps.last_update import LastUpdate
from components.steps.scripts import scripts_version
from components.steps.step import Step, StepName, UndoName, Value


def repositories_step(host: Host, control_planes: ControlPlanes, identity: str) -> Step:
    """The step that stores the passwords of package repositories, before the preparation installs packages."""
    settings, last = control_planes.settings, control_planes.last
    values: dict[str, Value] = {
        "CLUSTER_ID": identity,
        "CLUSTER_NAME": settings.cluster.name,
        **_machine_values(host, settings, _containerd_package_there(host, last)),
    }
    return Step(StepName.REPOSITORIES, host.name, host, values, again_when={"RETURNS": returns(host, last)})


def _machine_values(host: Host, settings: Settings, package_there: str | None) -> dict[str, Value]:
    """Values of scripts/parts/prepare/machine.sh, by which the first step of a host looks at the machine."""
    version, runtime = settings.cluster.kubernetes_version, settings.containerd_of(package_there)
    cgroup_v1_is_wanted = settings.cluster.kubelet_configuration.get("failCgroupV1") is False
    sources = [repository.source for repository in apt.repositories(settings, package_there)]
    return {
        "ROLE": host.role,
        "NODE_IP": str(host.internal_ip),
        "OWN_LOAD_BALANCER": settings.endpoint if settings.load_balancer == "external" else "",
        "VIP": str(settings.cluster.vip.address) if settings.cluster.vip and host.role == "control-plane" else "",
        "KUBERNETES_VERSION": version,
        "IGNORE_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
        "OLDEST_KERNEL": OLDEST_KERNELS.get(str(settings.cluster.kube_proxy_configuration.get("mode")), ""),
        "CGROUP_V1_IS_REFUSED": refuses_cgroup_v1(version) and not cgroup_v1_is_wanted,
        "CONTAINERD_PACKAGE": str(runtime.package),
        "CONTAINERD_IS_OF_DISTRIBUTION": settings.packages.are_public and runtime.repository is None,
        "OLDEST_CONTAINERD": ".".join(str(number) for number in oldest_containerd(version)),
        "EVICTS_BY_SHARE": not settings.cluster.kubelet_configuration.get("evictionHard"),
        "MINIMUM_FREE_DISK_MIB": settings.system.minimum_free_disk_mib,
        "MINIMUM_MEMORY_MIB": settings.system.minimum_memory_mib,
        "RESOLVER_CONFIGURATION": _resolver_configuration(settings),
        "NEED_RELEASE": [source.path.rpartition("/")[2] for source in sources if apt.leaves_release(source)],
    }


def _resolver_configuration(settings: Settings) -> str:
    """The `resolvConf` of the stack, if any; /dev/null for an empty text, with which a kubelet reads no file."""
    named = settings.cluster.kubelet_configuration.get("resolvConf")
    return "" if named is None else str(named) or "/dev/null"


def prepare_step(host: Host, control_planes: ControlPlanes, identity: str, sealing_certificate: str) -> Step:
    """The step that prepares a machine, without secrets.

    Adding a host leaves /etc/hosts of the other hosts alone until something else changes on them. A control plane that
    has left stays among the peers of keepalived until then.
    """
    step = _prepare_step(host, control_planes, identity, sealing_certificate)
    recorded = control_planes.last.step(host.name, StepName.PREPARE)
    if recorded is None:
        return step

    def as_recorded(files: Sequence[File]) -> list[File]:
        return [_as_recorded(file, host, control_planes) for file in files]

    as_before = dataclasses.replace(step, files=as_recorded(step.files), shared_files=as_recorded(step.shared_files))
    return as_before if as_before.text() == recorded.stdin else step


def _as_recorded(file: File, host: Host, control_planes: ControlPlanes) -> File:
    """The file of the last update if it serves the host as well; otherwise the wanted file."""
    if file.path not in {HOSTS_FILE, vip.CONFIGURATION}:
        return file
    there = control_planes.last.file(host.name, StepName.PREPARE, file.path)
    if there is None:
        return file
    is_enough = (
        there.endswith(api_line(host, control_planes.settings))
        if file.path == HOSTS_FILE
        else vip.has_former_peers_only(there, file.content)
    )
    return dataclasses.replace(file, content=there) if is_enough else file


def _prepare_step(host: Host, control_planes: ControlPlanes, identity: str, sealing_certificate: str) -> Step:
    settings, last = control_planes.settings, control_planes.last
    package_there = _containerd_package_there(host, last)
    repositories = apt.repositories(settings, package_there)
    files = files_of(
        host,
        settings,
        control_planes.leaving,
        comes=not last.is_member(host.name),
        repositories=repositories,
    )
    values: dict[str, Value] = {
        "CLUSTER_ID": identity,
        "CLUSTER_NAME": settings.cluster.name,
        **_machine_values(host, settings, package_there),
        # If the node of a machine is still in the cluster at its reset, the machine was off when the node was deleted.
        "NODE_LEAVES_FIRST": not settings.policy.reset_on_destroy,
        "API_HOST": settings.name_in_hosts_files,
        "MODULES": settings.modules,
        "REPOSITORY_LOGINS": list(settings.repository_logins),
        "KEYRINGS": [repository.keyring_line for repository in repositories],
        "PROXY_VARIABLES": [f"{name}={value}" for name, value in proxy_variables(settings).items()],
    }
    # Resetting the only control plane destroys the cluster: that is `pulumi destroy`, and needs the policy.
    is_only = host.role == "control-plane" and control_planes.sponsor_of(host) is None
    is_reset = not is_only or settings.policy.reset_on_destroy
    again_when: dict[str, Value] = {"SCRIPTS_VERSION": scripts_version(), "RETURNS": returns(host, last)}
    if host.role == "control-plane":
        again_when["INITIALISES"] = control_planes.initialiser == host
    return Step(
        StepName.PREPARE,
        host.name,
        host,
        values,
        [*files.own, *result_files(host, sealing_certificate)],
        files.shared,
        again_when=again_when,
        undo=UndoName.RESET if is_reset else None,
    )


def _containerd_package_there(host: Host, last: LastUpdate) -> str | None:
    """The package of containerd that an earlier update left on a host; None for a machine that is new.

    A node keeps it: apt would take containerd away below the pods, and an update of this project changes no runtime.
    """
    if last.has_departed(host.name):
        return None
    return last.value(host.name, StepName.PREPARE, "CONTAINERD_PACKAGE")


def images_step(host: Host, control_planes: ControlPlanes, images: list[str]) -> Step:
    """The step that stores the passwords of registries and pulls the first images.

    Args:
        host: the host.
        control_planes: the control planes of the cluster.
        images: images to pull beside the images that a node needs to become Ready.
    """
    settings = control_planes.settings
    registries, with_password = settings.containerd.registries, containerd.registries_with_password(settings)
    of_every_node = [settings.pause_image, settings.images.rewritten(kube_proxy_image(settings))]
    values: dict[str, Value] = {
        "ROLE": host.role,
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        "IMAGES": [*of_every_node, *(settings.images.rewritten(image) for image in images)],
        "KUBEADM_PAUSE_IMAGE": "" if settings.containerd.pause_image else settings.pause_image,
        "PASSWORD_KEYS": [f"{name} {registries[name].password_key}" for name in with_password],
    }
    return Step(StepName.IMAGES, host.name, host, values, again_when={"RETURNS": returns(host, control_planes.last)})


def returns(host: Host, last: LastUpdate) -> int:
    """Number of times that the host came back after its node had left, perhaps as a new machine with the same key."""
    times = int(last.value(host.name, StepName.PREPARE, "RETURNS") or 0)
    return times + 1 if last.has_departed(host.name) and not host.gone else times
