"""A Kubernetes cluster on the machines of a stack, in the order in which it comes to be."""

import pulumi

from components.calico import Calico, calico_images
from components.cluster_access import ClusterAccess
from components.control_plane import ControlPlane
from components.dashboard import Dashboard
from components.host import PreparedHost
from components.namespaces import Namespaces
from components.outputs import export_outputs
from components.rbac import AccessRules
from components.registry_passwords import registry_passwords
from components.registry_secrets import RegistrySecrets
from components.stack_file import load_settings
from components.worker import Worker

settings = load_settings()  # raises once, with every problem of the stack file
cluster_id = f"{pulumi.get_project()}/{pulumi.get_stack()}"
passwords = registry_passwords(settings)
images = calico_images(settings)

hosts = {
    name: PreparedHost(host, settings, cluster_id=cluster_id, images=images, passwords=passwords)
    for name, host in settings.hosts.items()
}

control_plane = ControlPlane(hosts[settings.control_plane.name], settings)
cluster = ClusterAccess(control_plane, cluster_id=cluster_id)

network = Calico(cluster, settings)
workers = [Worker(hosts[host.name], control_plane, settings, after=network.configuration) for host in settings.workers]

namespaces = Namespaces(cluster, settings, after=[network])
if settings.dashboard.enabled:
    Dashboard(cluster, settings, after=[namespaces, *workers])
AccessRules(cluster, settings, after=[namespaces])
RegistrySecrets(cluster, settings, passwords=passwords, after=[namespaces])

export_outputs(control_plane, settings)
