"""The program of `make bench-scale`: as __main__.py, without an object of Kubernetes and so without an API server."""

from components.calico import calico_images
from components.certificates import warn_of_expiry
from components.clones import warn_of_clones
from components.last_update import load_last_update
from components.outputs import export_outputs
from components.plan import announce_plan
from components.registry_passwords import registry_passwords
from components.running_cluster import refuse_impossible_changes
from components.stack_file import load_settings

from components.control_plane import ControlPlane
from components.host import PreparedHost
from components.lifetime import Lifetime
from components.worker import join_workers

settings = load_settings()
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
join_workers(hosts, control_plane, settings, last, after=[], lives_in=lifetime)
export_outputs(control_plane, settings)
