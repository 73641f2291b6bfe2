"""A Helm chart in a preview of nothing: the real engine, and the Helm of the real provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from local.paths import REPOSITORY
from operations.preview._preview import Preview, of_empty_state, preview
from tests.unit.support.charts import REFUSED, archive
from tests.unit.support.stacks import full, smallest

PROGRAM = (".venv", "Pulumi.yaml", "__main__.py", "components", "manifests", "problem.py", "scripts")


def preview_with(project: Path, **values: Any) -> Preview:
    """The preview of a stack of which nothing exists, with an add-on that is a chart."""
    for name in PROGRAM:
        (project / name).symlink_to(REPOSITORY / name)
    addon = {"chart": {"archive": str(archive(project)), "values": values}}
    sections = smallest() | {"calico": full(project)["calico"], "addons": {"shop": addon}}
    config = {f"kubeadm:{name}": section for name, section in sections.items()}
    (project / "Pulumi.charts.yaml").write_text(yaml.safe_dump({"config": config}))
    with of_empty_state("charts", project) as selection:
        return preview(selection)


def test_a_preview_of_nothing_shows_each_object_of_a_chart(tmp_path: Path) -> None:
    """With the values of the stack; the program finds Helm where the engine finds the provider."""
    found = preview_with(tmp_path, replicas=3)
    assert found.errors == ()
    objects = {urn.rpartition("::cluster/")[2]: each for urn, each in found.after.items() if "$kubernetes:" in urn}
    assert objects["Deployment:shop/shop-server"]["spec"]["replicas"] == 3
    assert {"CustomResourceDefinition:pools.shop.example.com", "Pool:first", "ConfigMap:shop/kept"} <= objects.keys()
    assert objects["shop"]["kind"] == "Namespace"


@pytest.mark.parametrize(("values", "reason"), REFUSED)
def test_a_chart_that_helm_refuses_touches_nothing(tmp_path: Path, values: dict[str, Any], reason: str) -> None:
    """No resource is planned."""
    found = preview_with(tmp_path, **values)
    assert "the stack file has 1 problem(s); nothing was touched" in "\n".join(found.errors)
    assert reason in "\n".join(found.errors)
    assert {urn.split("::")[2] for urn in found.after} <= {"pulumi:pulumi:Stack"}
