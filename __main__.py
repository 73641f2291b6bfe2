"""A Kubernetes cluster on the machines of a stack, in the order in which it comes to be."""

from components.addons.calico import Calico, calico_images
from components.addons.dashboard import Dashboard
from components.cluster_access import ClusterAccess
from components.control_plane import ControlPlane
from components.host import PreparedHost
from components.lifetime import Lifetime
from components.objects.access_rules import AccessRules
from components.objects.labels import NodeLabels
from components.objects.namespaces import Namespaces
from components.objects.pull_secrets import RegistrySecrets
from components.outputs import export_outputs
from components.review.clones import warn_of_clones
from components.review.expiry import warn_of_expiry
from components.review.plan import announce_plan
from components.review.refusals import refuse_impossible_changes
from components.settings.passwords import registry_passwords
from components.settings.stack_file import load_settings
from components.steps.last_update import load_last_update
from components.worker import join_workers

settings = load_settings()  # raises once, with every problem of the stack file
last = load_last_update()
refuse_impossible_changes(settings, last)
passwords = registry_passwords(settings)
images = calico_images(settings)
announce_plan(settings, last, images, passwords)
warn_of_expiry(settings, last)

lifetime = Lifetime(settings)
hosts = {
    name: PreparedHost(host, settings, last, images=images, passwords=passwords, lives_in=lifetime)
    for name, host in settings.hosts.items()
}
warn_of_clones(hosts, settings)

control_plane = ControlPlane(hosts[settings.control_plane.name], settings, last)
cluster = ClusterAccess(control_plane)

network = Calico(cluster, settings)
workers = join_workers(hosts, control_plane, settings, last, after=network.configuration, lives_in=lifetime)
NodeLabels(cluster, settings, workers)

namespaces = Namespaces(cluster, settings, after=[network])
if settings.dashboard.enabled:
    Dashboard(cluster, settings, after=[namespaces, *workers])
AccessRules(cluster, settings, after=[namespaces])
RegistrySecrets(cluster, settings, passwords=passwords, after=[namespaces])

export_outputs(control_plane, settings)
