"""Add-ons: what is applied to a cluster from manifests. The next one is one object in ADDONS."""

from components.addons.addon import Addon
from components.addons.applied import AppliedAddon
from components.addons.calico import CALICO
from components.addons.dashboard import DASHBOARD
from components.settings import Settings

__all__ = ["ADDONS", "Addon", "AppliedAddon", "addons_of"]

ADDONS = (CALICO, DASHBOARD)
"""In the order in which they are applied."""


def addons_of(settings: Settings) -> list[Addon]:
    """The add-ons that a stack has."""
    return [addon for addon in ADDONS if addon.is_wanted(settings)]
