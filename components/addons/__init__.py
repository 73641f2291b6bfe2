"""Add-ons: manifests that are applied to a cluster. A new built-in add-on is a new object in ADDONS."""

from components.addons.addon import Addon
from components.addons.applied import apply_addons
from components.addons.calico import CALICO
from components.addons.dashboard import DASHBOARD
from components.addons.headlamp import HEADLAMP
from components.addons.local_path import LOCAL_PATH
from components.addons.metallb import METALLB
from components.addons.metrics_server import METRICS_SERVER
from components.addons.of_stack import stack_addons
from components.settings import Settings

__all__ = ["ADDONS", "Addon", "addons_of", "apply_addons", "known_addons"]

ADDONS = (CALICO, METRICS_SERVER, LOCAL_PATH, METALLB, DASHBOARD, HEADLAMP)
"""Built-in add-ons in the order in which a cluster applies them."""


def known_addons(settings: Settings) -> list[Addon]:
    """The built-in add-ons, wanted or not, and those of the stack file."""
    return [*ADDONS, *stack_addons(settings)]


def addons_of(settings: Settings) -> list[Addon]:
    """The add-ons that the settings enable."""
    return [addon for addon in known_addons(settings) if addon.is_wanted(settings)]
