"""A registry with a chart, and the stack that has the chart as an add-on."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.addons import charts, logins, manifests
from components.settings import Settings
from components.settings.stack_file import parse_settings
from tests.unit.support.charts import archive
from tests.unit.support.file_server import Answer, FileServer
from tests.unit.support.stacks import smallest

CANARY = "canary-of-the-registry"
LOGIN = f"Basic {base64.b64encode(f'robot:{CANARY}'.encode()).decode()}"
ARCHIVE_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
IMAGE_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST, BLOBS = "/v2/charts/shop/manifests/1.2.3", "/v2/charts/shop/blobs/sha256:"


class Hub:
    """A registry with a chart, and the stack that has it as its add-on `db`."""

    def __init__(self, server: FileServer, directory: Path) -> None:
        self.server, self.chart = server, archive(directory).read_bytes()
        self.sha256 = hashlib.sha256(self.chart).hexdigest()
        self.scheme = "oci"
        self.access: dict[str, Any] = {"caFile": str(server.authority)}
        layer = {"mediaType": ARCHIVE_TYPE, "digest": f"sha256:{self.sha256}"}
        self.manifest = json.dumps({"layers": [{"mediaType": "a/b", "digest": "c"}, layer]}).encode()
        self.answer()

    def answer(self, **both: Any) -> None:
        """Have manifest and archive there, with something more in both answers."""
        self.server.answers |= {
            MANIFEST: Answer(self.manifest, **both),
            BLOBS + self.sha256: Answer(self.chart, **both),
        }

    def settings(self, **changed: Any) -> Settings:
        """The stack."""
        chart = {"repository": f"{self.scheme}://{self.server.host}/charts", "name": "shop", "version": "1.2.3"}
        addon = {"chart": chart | changed, "sha256": self.sha256}
        registries = {self.server.host: self.access} if self.access else {}
        return parse_settings(smallest() | {"addons": {"db": addon}, "containerd": {"registries": registries}})

    def names(self, **changed: Any) -> set[str]:
        """The objects of the add-on."""
        return {manifests.object_name(each) for each in charts.chart_objects("db", self.settings(**changed))}

    def refusal(self, **changed: Any) -> str:
        """The reason why the add-on is refused."""
        with pytest.raises(pulumi.RunError) as error:
            self.names(**changed)
        assert CANARY not in str(error.value)
        return str(error.value)


def has_login(hub: Hub) -> None:
    """Give the stack a login at the registry."""
    hub.access["username"] = "robot"
    logins.use_passwords({hub.server.host: CANARY}.get)


def gives_tokens(hub: Hub, server: FileServer, **token: Any) -> None:
    """Have the registry want a token of a server."""
    realm = f'Bearer realm="https://{server.host}/token",service="hub",scope="repository:charts/shop:pull"'
    hub.answer(needs="Bearer t0ken", challenge=realm)
    server.answers["/token"] = Answer(**{"content": b'{"token": "t0ken"}', **token})
