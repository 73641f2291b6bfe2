"""Secrets that are objects of the cluster: the real engine, and the real provider, which writes what it would apply."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.bench.stand_ins import stand_ins
from tests.engine.project import Project
from tests.engine.test_secrets import LEVEL, PASSWORD, comment_on, leaks

PROGRAM = """\
import pulumi
import pulumi_kubernetes as kubernetes

from components.objects.access_rules import AccessRules
from components.objects.pull_secrets import RegistrySecrets
from components.settings.stack_file import parse_settings

config = pulumi.Config()


class Rendered:
    provider = kubernetes.Provider("rendered", render_yaml_to_directory=config.require("rendered"))

    def resource_name(self, *parts):
        return "/".join(parts)

    def options(self, parent, *, after=None):
        return pulumi.ResourceOptions(parent=parent, provider=self.provider, depends_on=after or [])


settings = parse_settings(config.require_object("blue"))
passwords = pulumi.Output.secret(pulumi.Output.all(**{"hub.example.com": config.require_secret("password")}))
opts = pulumi.ResourceOptions()
RegistrySecrets(Rendered(), settings, passwords=passwords, after=[], opts=opts)
AccessRules(Rendered(), settings, after=[], opts=opts)
"""
SECRETS = [PASSWORD, *(base64.b64encode(b" " * shift + PASSWORD.encode()).decode()[4:-4] for shift in range(3))]
"""The password, and what base64 makes of it, wherever in a text it stands."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A cluster with a pull secret and a token that never expires."""
    with stand_ins() as machines:
        found = Project(tmp_path, machines, PROGRAM)
        file = tmp_path / "Pulumi.two.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"]["kubeadm:rendered"] = str(tmp_path / "rendered")
        content["config"]["kubeadm:blue"] |= {
            "containerd": {"registries": {"hub.example.com": {"username": "robot"}}},
            "images": {"pullSecretNamespaces": ["shop"]},
            "access": {"serviceAccounts": [{"name": "robot", "namespace": "ci", "longLivedToken": True}]},
        }
        file.write_text(yaml.safe_dump(content))
        found.run("config", "set", "--secret", "password", PASSWORD)
        found.run("config", "rm", "key")
        yield found


def test_no_password_of_a_pull_secret_is_printed_or_kept_in_clear(tmp_path: Path, project: Project) -> None:
    """Also where the provider cannot apply the secret, as its directory is a file."""
    rendered, events = tmp_path / "rendered", tmp_path / "events"
    more = ("--logtostderr", LEVEL, "--event-log", str(events))
    outputs = {"preview of nothing": project.run("preview", "--diff", *more), "comment on nothing": comment_on(project)}
    rendered.touch()
    status, outputs["up that fails"] = project.attempt("up", "--yes", "--skip-preview", "--diff", *more)
    assert status != 0
    rendered.unlink()
    outputs["up"] = project.run("up", "--yes", "--skip-preview", "--diff", *more)
    outputs["preview of no change"] = project.run("preview", "--diff", *more)
    project.run("config", "set", "--secret", "password", f"another-{PASSWORD}")
    outputs["comment on another password"] = comment_on(project)
    outputs["up of another password"] = project.run("up", "--yes", "--skip-preview", "--diff", *more)
    outputs["state"] = project.run("stack", "export")
    outputs["state files"] = "".join(path.read_text() for path in (tmp_path / "state").rglob("*.json*"))
    outputs["events"] = "".join(path.read_text() for path in tmp_path.glob("events*"))
    assert "registry-credentials" in outputs["events"]
    assert leaks(outputs, SECRETS) == []
    applied = yaml.safe_load(next(rendered.rglob("*registry-credentials*")).read_text())["data"][".dockerconfigjson"]
    assert PASSWORD in base64.b64decode(applied).decode(), "the secret reaches the cluster"
