"""Images that the objects of an add-on name outside of containers, in a stack that rewrites their registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.review.registries import unnamed_images
from components.settings.stack_file import parse_settings
from tests.unit.support.stacks import full

RELOADER, CONFIGURED = (
    "quay.io/prometheus-operator/prometheus-config-reloader:v0.86.0",
    "quay.io/prometheus/prometheus:v3",
)
DIGEST = f"quay.io/thanos/thanos@sha256:{'0' * 64}"
BOTH = f"quay.io/prometheus/exporter:v1@sha256:{'0' * 64}"
OPERATOR = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: operator}}
spec:
  template:
    spec:
      volumes: [{{name: model, image: {{reference: quay.io/a/model:1}}}}]
      containers:
        - {{name: a, image: quay.io/a/operator:1, args: [--reloader={RELOADER}, --exporter={BOTH}, --listen=:80, --doc=https://quay.io/a/b:1]}}
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {{name: main}}
spec: {{image: {CONFIGURED}, thanos: {{image: "{DIGEST}"}}, other: docker.io/library/busybox, plain: grafana/grafana:1}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: as.example.com, annotations: {{example: quay.io/a/example:1}}}}
spec: {{group: example.com, names: {{kind: A}}}}
"""


def warnings(directory: Path, rewrite: dict[str, str], images: tuple[str, ...] = ()) -> list[str]:
    """The warnings of a stack with an operator, and rules for registries."""
    (directory / "operator.yaml").write_text(OPERATOR)
    addon = {"manifest": str(directory / "operator.yaml"), "images": images}
    rules = {"rewrite": rewrite}
    return [
        str(each)
        for each in unnamed_images(parse_settings(full(directory) | {"addons": {"o": addon}, "images": rules}))
    ]


def test_an_image_in_an_argument_or_a_custom_resource_is_warned_of(tmp_path: Path) -> None:
    """Hosts without a way out would not reach it, and nothing else would say so."""
    (warning,) = warnings(tmp_path, {"quay.io": "hub.example.com/quay"})
    assert warning.startswith("addons.o.images: expected the images that its objects name outside of containers")
    assert (
        f"saw {RELOADER} in Deployment:operator, {BOTH} in Deployment:operator, {CONFIGURED} in Prometheus:main,"
        f" {DIGEST} in Prometheus:main\n" in warning
    )
    named = (RELOADER, BOTH, CONFIGURED, DIGEST)
    assert warnings(tmp_path, {"quay.io": "hub.example.com/quay"}, named) == []


def test_images_of_pods_that_a_rule_leads_to_its_own_registry_are_named_ones(tmp_path: Path) -> None:
    """A team's copies lie beside the originals; those of containers and volumes are rewritten already."""
    (warning,) = warnings(tmp_path, {"quay.io": "quay.io/copies"})
    assert "quay.io/copies" not in warning


@pytest.mark.parametrize("rules", [{}, {"docker.io": "hub.example.com/docker"}, {"quay.io": "quay.io"}], ids=str)
def test_registries_that_stay_as_they_are_are_left_alone(tmp_path: Path, rules: dict[str, str]) -> None:
    """Hosts pull from them."""
    assert warnings(tmp_path, rules) == []
