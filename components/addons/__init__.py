"""Add-ons: manifests that are applied to a cluster. A new add-on is a new object in ADDONS."""

from components.addons.addon import Addon
from components.addons.applied import AppliedAddon
from components.addons.calico import CALICO
from components.addons.dashboard import DASHBOARD
from components.settings import Settings

__all__ = ["ADDONS", "Addon", "AppliedAddon", "addons_of"]

ADDONS = (CALICO, DASHBOARD)
"""Add-ons in the order in which a cluster applies them."""


def addons_of(settings: Settings) -> list[Addon]:
    """The add-ons that the settings enable."""
    return [addon for addon in ADDONS if addon.is_wanted(settings)]
