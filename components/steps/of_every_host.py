"""The steps of every host: `prepare` and `images`."""

from __future__ import annotations

import dataclasses

from components.host_files import apt, containerd, own_files, shared_files
from components.host_files.proxy import proxy_variables
from components.host_files.system import HOSTS_FILE
from components.settings import Host, Settings
from components.settings.kubeadm_images import kube_proxy_image
from components.settings.versions import oldest_containerd, refuses_cgroup_v1
from components.steps.last_update import LastUpdate
from components.steps.scripts import scripts_version
from components.steps.step import Step, StepName, UndoName, Value


def prepare_step(host: Host, settings: Settings, last: LastUpdate, identity: str) -> Step:
    """The step that prepares a machine, without secrets.

    Adding a host leaves /etc/hosts of the other hosts alone until something else changes on them.
    """
    step = _prepare_step(host, settings, last, identity)
    recorded = last.step(host.name, StepName.PREPARE)
    name_lines = last.file(host.name, StepName.PREPARE, HOSTS_FILE)
    if name_lines is None or recorded is None:
        return step
    with_known_names = dataclasses.replace(
        step,
        shared_files=[
            dataclasses.replace(file, content=name_lines) if file.path == HOSTS_FILE else file
            for file in step.shared_files
        ],
    )
    return with_known_names if with_known_names.text() == recorded.stdin else step


def _prepare_step(host: Host, settings: Settings, last: LastUpdate, identity: str) -> Step:
    repositories = apt.repositories(settings)
    version = settings.cluster.kubernetes_version
    cgroup_v1_is_wanted = settings.cluster.kubelet_configuration.get("failCgroupV1") is False
    values: dict[str, Value] = {
        "ROLE": host.role,
        "CLUSTER_ID": identity,
        "CLUSTER_NAME": settings.cluster.name,
        # If the node of a machine is still in the cluster at its reset, the machine was off when the node was deleted.
        "NODE_LEAVES_FIRST": not settings.policy.reset_on_destroy,
        "NODE_IP": str(host.internal_ip),
        "KUBERNETES_VERSION": version,
        "CGROUP_V1_IS_REFUSED": refuses_cgroup_v1(version) and not cgroup_v1_is_wanted,
        "CONTAINERD_PACKAGE": settings.containerd.package,
        "OLDEST_CONTAINERD": ".".join(str(number) for number in oldest_containerd(version)),
        "MODULES": settings.system.modules,
        "MINIMUM_FREE_DISK_MIB": settings.system.minimum_free_disk_mib,
        "MINIMUM_MEMORY_MIB": settings.system.minimum_memory_mib,
        "KEYRINGS": [repository.keyring_line for repository in repositories],
        "PROXY_VARIABLES": [f"{name}={value}" for name, value in proxy_variables(settings).items()],
    }
    # Resetting a control plane destroys the cluster: that is `pulumi destroy`, and needs the policy.
    is_reset = host.role == "worker" or settings.policy.reset_on_destroy
    return Step(
        StepName.PREPARE,
        host.name,
        host,
        values,
        own_files(host, settings),
        shared_files(host, settings),
        again_when={"SCRIPTS_VERSION": scripts_version(), "RETURNS": returns(host, last)},
        undo=UndoName.RESET if is_reset else None,
    )


def images_step(host: Host, settings: Settings, last: LastUpdate, images: list[str]) -> Step:
    """The step that stores the passwords of registries and pulls the first images.

    Args:
        host: the host.
        settings: the settings of the stack.
        last: the last update.
        images: images to pull beside the images that a node needs to become Ready.
    """
    registries, with_password = settings.containerd.registries, containerd.registries_with_password(settings)
    of_every_node = [settings.pause_image, settings.images.rewritten(kube_proxy_image(settings))]
    values: dict[str, Value] = {
        "ROLE": host.role,
        "KUBERNETES_VERSION": settings.cluster.kubernetes_version,
        "IMAGES": [*of_every_node, *(settings.images.rewritten(image) for image in images)],
        "KUBEADM_PAUSE_IMAGE": "" if settings.containerd.pause_image else settings.pause_image,
        "PASSWORD_KEYS": [f"{name} {registries[name].password_key}" for name in with_password],
    }
    return Step(StepName.IMAGES, host.name, host, values, again_when={"RETURNS": returns(host, last)})


def returns(host: Host, last: LastUpdate) -> int:
    """Number of times that the host came back after its node had left, perhaps as a new machine with the same key."""
    times = int(last.value(host.name, StepName.PREPARE, "RETURNS") or 0)
    is_prepared, is_node = (last.step(host.name, name) for name in (StepName.PREPARE, StepName.MEMBERSHIP))
    return times + 1 if is_prepared and not is_node and host.role == "worker" else times
