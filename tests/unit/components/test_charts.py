"""Helm charts of a stack file: the objects that Helm makes of them are treated as those of a manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.addons import charts, fetching, helm, manifests
from components.objects.namespaces import namespaces
from components.review.addons import hook_warnings, refuse_wrong_addons
from components.settings import Settings
from components.settings.stack_file import SettingsError, parse_settings
from operations.images._image_list import StackImage, stack_images
from tests.unit.support.charts import DEFINITION, FILES, HELPER, IMAGE, archive, stand_in
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recorded_cluster import Look, settings
from tests.unit.support.recording import Recording, record, stack_of
from tests.unit.support.stacks import full, only_problem, smallest

pytestmark = pytest.mark.usefixtures("stand_in_of_helm")

OBJECTS = {
    "CustomResourceDefinition:pools.shop.example.com",
    "Pool:first",
    "ConfigMap:db/kept",
    "Deployment:db/db-server",
}


def with_chart(stack: dict[str, Any], directory: Path, *, chart: dict[str, Any] | None = None, **values: Any) -> Any:
    """The stack with the add-on `db`, whose chart is a file."""
    source = {"archive": str(archive(directory)), "values": values, **(chart or {})}
    return stack | {"addons": {"db": {"chart": source, "images": [HELPER]}}}


@pytest.fixture(scope="module")
def run(directory: Path) -> Recording:
    """An update with the add-on."""
    return record(with_chart(stack_of(directory, "node2"), directory, replicas=2), preview=False)


def test_a_preview_of_an_empty_stack_shows_each_object_of_a_chart(directory: Path) -> None:
    """In the namespace of the add-on, but for kinds of the whole cluster; nothing of the tests of a chart."""
    assert record(with_chart(stack_of(directory), directory), preview=True).of_addons.keys() == OBJECTS


def test_values_of_the_stack_and_its_images_are_in_the_objects(run: Recording) -> None:
    """Images are rewritten in containers, and where the add-on names them."""
    found = run.of_addons
    server = found["Deployment:db/db-server"].inputs
    assert server["spec"]["replicas"] == 2
    (container,) = manifests.containers(server)
    assert container["image"] == IMAGE.replace("docker.io", "hub.example.com/docker")
    data = found["ConfigMap:db/kept"].inputs["data"]
    assert data["helper"] == HELPER.replace("docker.io", "hub.example.com/docker")
    assert data["kubernetes"] == "v1.36.3", "the version of the stack, not of a cluster"


def test_definitions_and_what_helm_keeps_stay_when_the_chart_goes(run: Recording) -> None:
    """By its annotation `helm.sh/resource-policy`, as a claim of a volume has it."""
    stays = {name for name, each in run.of_addons.items() if each.request.retainOnDelete}
    assert stays == {"CustomResourceDefinition:pools.shop.example.com", "ConfigMap:db/kept"}


def test_the_namespace_of_a_chart_is_one_of_the_stack(directory: Path) -> None:
    """With a Pod Security level; one of Kubernetes is not made."""
    found = namespaces(parse_settings(with_chart(full(directory), directory)))
    (own,) = [each for each in found if each.name == "db"]
    assert own.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    there = with_chart(full(directory), directory, chart={"namespace": "kube-system"})
    names = {each.name for each in namespaces(parse_settings(there))}
    assert not names & {"db", "kube-system"}


def test_images_of_a_chart_are_listed_and_mirrored(directory: Path) -> None:
    """`make images` and `make mirror` read one list."""
    listed = stack_images(parse_settings(with_chart(full(directory), directory, image="docker.io/a/b:2")))
    for image in (HELPER, "docker.io/a/b:2"):
        assert StackImage(image, image.replace("docker.io", "hub.example.com/docker")) in listed


def test_the_plan_names_a_chart_that_comes_changes_and_goes(directory: Path, run: Recording) -> None:
    """What stays is said to stay."""
    with_it = with_chart(stack_of(directory, "node2"), directory, replicas=2)
    before, after = state_of(record(stack_of(directory, "node2"), preview=False)), state_of(run)
    assert planned(with_it, before) == ["add-on db: is applied", "namespace db: is created"]
    assert planned(with_it, after) == ["nothing is done to any node"]
    changed = with_chart(stack_of(directory, "node2"), directory, replicas=3)
    assert planned(changed, after) == ["add-on db: Deployment:db/db-server changes"]
    assert planned(stack_of(directory, "node2"), after) == [
        "ConfigMap:db/kept: no add-on has it any more; it stays",
        "CustomResourceDefinition:pools.shop.example.com: no add-on has it any more; it stays",
        "Deployment:db/db-server: no add-on has it any more; it is deleted",
        "Pool:first: no add-on has it any more; it is deleted",
        "namespace db: no setting names it any more; it stays, with every object in it",
    ]


def refused(stack: dict[str, Any]) -> str:
    """The one reason why a stack is refused before anything is touched."""
    with pytest.raises(SettingsError) as error:
        record(stack, preview=False)
    (problem,) = error.value.problems
    return problem


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"hooks": ["pre-install,pre-upgrade"]}, "Job:db/hook (pre-install, pre-upgrade)"),
        ({"hooks": ["post-upgrade"]}, "hooks, which Helm runs before or after an update"),
        ({"secret": "canary"}, "addons.db.chart: a secret with content"),
    ],
)
def test_a_chart_whose_objects_are_no_plain_objects_is_refused(
    directory: Path, values: dict[str, Any], reason: str
) -> None:
    """A hook that nothing runs may be what the others need."""
    problem = refused(with_chart(stack_of(directory), directory, **values))
    assert problem.startswith("addons.db")
    assert reason in problem
    assert "canary" not in problem


def test_objects_of_a_list_get_the_namespace_of_the_release(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Helm gives it to them: the provider gives it to the list alone."""
    named = [("v1", "ConfigMap", {}), ("v1", "Service", {"namespace": "shop"})]
    named += [("rbac.authorization.k8s.io/v1", "ClusterRole", {}), ("shop.example.com/v1", "Pool", {})]
    items = [{"apiVersion": each, "kind": kind, "metadata": {"name": "x"} | place} for each, kind, place in named]
    whole = {"apiVersion": "v1", "kind": "List", "metadata": {"namespace": "db"}, "items": items}
    definition = yaml.safe_load(DEFINITION)
    monkeypatch.setattr(helm, "rendered", lambda *_: [definition, whole])
    found = charts.chart_objects("db", parse_settings(with_chart(full(directory), directory)))
    names = {manifests.object_name(each) for each in found[1:]}
    assert names == {"ConfigMap:db/x", "Service:shop/x", "ClusterRole:x", "Pool:x"}


def test_a_definition_that_a_chart_has_twice_is_one(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that depends twice on another has it; two that differ are refused."""
    settings = parse_settings(with_chart(full(directory), directory))
    both = [yaml.safe_load(DEFINITION), yaml.safe_load(DEFINITION)]
    monkeypatch.setattr(helm, "rendered", lambda *_: both)
    assert len(charts.chart_objects("db", settings)) == 1
    both[1]["spec"]["scope"] = "Namespaced"
    with pytest.raises(SettingsError, match="add-on db has the same object"):
        refuse_wrong_addons(settings)


@pytest.mark.parametrize(
    ("there", "is_there"),
    [
        ("charts/cache/Chart.yaml", True),
        ("charts/cache-1.0.0.tgz", True),
        ("charts/cache-1.0.0-2.tgz", True),
        ("charts/cache-exporter-1.0.0.tgz", False),
        ("charts/other/charts/cache/Chart.yaml", False),
        ("charts/other/Chart.yaml", False),
    ],
)
@pytest.mark.parametrize("file", ["Chart.yaml", "requirements.yaml"])
def test_a_chart_without_those_that_it_depends_on_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, there: str, *, is_there: bool
) -> None:
    """The provider would render the rest without a word."""
    text = FILES.get(file, "") + "dependencies: [{name: cache, version: 1.0.0, condition: cache.enabled}]\n"
    monkeypatch.setitem(FILES, file, text)
    monkeypatch.setitem(FILES, there, f"name: {there.split('/')[-2]}\n")
    settings = parse_settings(with_chart(full(tmp_path), tmp_path))
    if is_there:
        assert charts.chart_objects("db", settings)
    else:
        with pytest.raises(SettingsError, match="saw none of cache in its folder charts"):
            refuse_wrong_addons(settings)


def test_a_chart_knows_what_add_ons_define(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own definitions, too, as `helm install` has it; not what no server answers, nor what a refused add-on has."""
    seen: list[str] = []

    def rendered(chart: bytes, options: str) -> list[Any]:
        seen.append(options)
        return stand_in(chart, options)

    monkeypatch.setattr(helm, "rendered", rendered)
    definition = yaml.safe_load(DEFINITION.replace("shop.example.com", "watch.example.com").replace("Pool", "Monitor"))
    definition["spec"]["versions"].append({"name": "v1alpha1", "served": False})
    (directory / "monitors.yaml").write_text(yaml.safe_dump(definition))
    (directory / "broken.yaml").write_text("kind: CustomResourceDefinition\n---\nspec: {\n")
    (directory / "odd.yaml").write_text("kind: CustomResourceDefinition\nspec: {versions: [1]}\n---\n- 1\n")
    stack = with_chart(full(directory), directory)
    others = {name: {"manifest": str(directory / f"{name}.yaml")} for name in ("monitors", "broken", "odd")}
    charts.chart_objects("db", parse_settings(stack | {"addons": others | stack["addons"]}))
    known = json.loads(seen[0])["api_versions"]
    own = ["shop.example.com/v1", "shop.example.com/v1/Pool"]
    assert known == [*own, "watch.example.com/v1", "watch.example.com/v1/Monitor"]


def test_what_helm_says_is_a_problem_of_the_stack(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the place in the file."""

    def fails(*_: object) -> list[Any]:
        raise helm.HelmError("values don't meet the specifications of the schema")

    monkeypatch.setattr(helm, "rendered", fails)
    problem = refused(with_chart(stack_of(directory), directory))
    assert "saw values don't meet the specifications" in problem
    assert "Next: correct addons.db.chart in the stack file" in problem


def test_objects_and_namespaces_of_others_are_refused(directory: Path) -> None:
    """A chart may name any namespace."""
    stack = with_chart(stack_of(directory), directory, chart={"namespace": "kubernetes-dashboard"})
    assert "addons.db.chart.namespace: add-on dashboard has the same namespace" in refused(stack)
    stack = with_chart(stack_of(directory), directory)
    stack["addons"]["again"] = {"chart": {**stack["addons"]["db"]["chart"], "namespace": "db"}}
    with pytest.raises(SettingsError, match=r"addons\.again\.chart: add-on db has the same object"):
        refuse_wrong_addons(parse_settings(stack))


@pytest.mark.parametrize("names", [("db", "monitoring"), ("monitoring", "db")])
def test_a_chart_may_be_in_the_namespace_of_a_manifest(directory: Path, names: tuple[str, str]) -> None:
    """In any order of the stack file: the namespace is one of the stack's, and stays."""
    (directory / "monitoring.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: monitoring}\n")
    stack = with_chart(full(directory), directory, chart={"namespace": "monitoring"})
    addons = {**stack["addons"], "monitoring": {"manifest": str(directory / "monitoring.yaml")}}
    refuse_wrong_addons(parse_settings(stack | {"addons": {name: addons[name] for name in names}}))


def test_hooks_of_a_removal_are_left_out_with_a_warning(directory: Path) -> None:
    """What they clean up a person has to."""
    parsed = parse_settings(with_chart(full(directory), directory, hooks=["pre-delete"]))
    refuse_wrong_addons(parsed)
    (warning,) = hook_warnings(parsed)
    assert "Job:db/hook (pre-delete)" in str(warning)
    assert "Job:db/hook" not in {manifests.object_name(each) for each in charts.chart_objects("db", parsed)}


def test_another_checksum_of_a_file_is_refused(directory: Path) -> None:
    """As that of a manifest."""
    stack = with_chart(stack_of(directory), directory)
    stack["addons"]["db"]["sha256"] = "0" * 64
    assert f"expected sha256 {'0' * 64}" in refused(stack)


NOT_WHOLE = [{"version": "1.2.4", "urls": []}, {"version": "1.2.5"}, {"urls": ["other"]}, "1.2.6", None]
"""Entries that an index has beside the entry of the version of a stack."""


def in_repository(
    directory: Path, url: str = "charts/shop-1.2.3.tgz", others: Sequence[Any] = (), **changed: str
) -> Settings:
    """A stack with the chart of a repository, whose index names the archive by a URL."""
    repository = directory / "repository"
    (repository / "charts").mkdir(parents=True, exist_ok=True)
    content = archive(repository / "charts").read_bytes()
    entries = {"shop": [{"version": "1.2.4", "urls": ["other"]}, {"version": "1.2.3", "urls": [url]}, *others]}
    (repository / "index.yaml").write_text(yaml.safe_dump({"entries": entries}))
    chart = {"repository": repository.as_uri(), "name": "shop", "version": "1.2.3", **changed}
    stack = full(directory) | {"addons": {"db": {"chart": chart, "sha256": hashlib.sha256(content).hexdigest()}}}
    return parse_settings(stack)


def test_a_chart_of_a_repository_is_fetched_once(directory: Path) -> None:
    """By its index and its checksum; afterwards the repository may be out of reach."""
    first = charts.chart_objects("db", in_repository(directory))
    assert {manifests.object_name(each) for each in first} == OBJECTS
    parsed = in_repository(directory)
    shutil.rmtree(directory / "repository")
    assert charts.chart_objects("db", parsed) == first


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"version": "9.9.9"}, "expected version 9.9.9 of the chart shop,\n  saw versions 1.2.4, 1.2.3"),
        ({"name": "sop"}, "saw charts shop"),
        ({"url": "s3://example/shop.tgz"}, "saw s3://example/shop.tgz\n  Next: `helm pull` it"),
        ({"url": "nowhere.tgz"}, "nowhere.tgz to be readable"),
    ],
)
def test_what_a_repository_does_not_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], reason: str
) -> None:
    """With what it has."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    with pytest.raises(SettingsError) as error:
        refuse_wrong_addons(in_repository(tmp_path, **changed))
    assert reason in error.value.problems[0]


@pytest.mark.parametrize("other", NOT_WHOLE, ids=str)
def test_other_entries_of_an_index_may_lack_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: Any
) -> None:
    """Helm leaves them out, too: one bad entry of somebody else would otherwise take the repository away."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    found = charts.chart_objects("db", in_repository(tmp_path, others=[other]))
    assert {manifests.object_name(each) for each in found} == OBJECTS


@pytest.mark.parametrize("version", ["1.2.4", "1.2.5"])
def test_the_entry_of_the_stack_itself_has_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """The error names the version, and not the whole index."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    with pytest.raises(SettingsError, match=f"the address of version {version} of the chart shop"):
        refuse_wrong_addons(in_repository(tmp_path, others=NOT_WHOLE, version=version))


@pytest.mark.parametrize("text", ["<html>", "[]", "entries: [a]", "{"])
def test_what_is_no_index_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Such as the page of a proxy."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    parsed = in_repository(tmp_path)
    (tmp_path / "repository" / "index.yaml").write_text(text)
    with pytest.raises(SettingsError, match="expected the index of a repository of charts"):
        refuse_wrong_addons(parsed)


REPOSITORY = {"repository": "https://example.com/charts", "name": "shop", "version": "1.2.3"}


@pytest.mark.parametrize(
    ("addon", "reason"),
    [
        ({}, "addons.db: set either manifest or chart"),
        ({"chart": REPOSITORY, "manifest": "https://example.com/db.yaml"}, "set either manifest or chart"),
        ({"chart": REPOSITORY}, "addons.db: the archive of a chart at a URL may change; set sha256"),
        ({"chart": {"archive": "https://example.com/db.tgz"}}, "set sha256"),
        ({"chart": {}}, "addons.db.chart: set either archive, or all of repository, name and version"),
        ({"chart": {**REPOSITORY, "archive": "https://example.com/db.tgz"}}, "set either archive"),
        ({"chart": {"repository": "https://example.com"}}, "all of repository, name and version"),
        ({"chart": {**REPOSITORY, "repository": "oci://example.com/Charts"}}, "begins with `https://`, `http://`"),
        ({"chart": {"archive": "none.tgz"}}, "there is no such file"),
        ({"chart": {"archive": "oci://example.com/charts/db"}}, "as repository, and name and version"),
    ],
)
def test_a_chart_is_named_in_one_way(addon: dict[str, Any], reason: str) -> None:
    """Or its stack is refused before anything is fetched."""
    assert reason in only_problem(smallest() | {"addons": {"db": addon}})


def test_status_names_a_workload_of_a_chart_that_is_missing(look: Look, directory: Path) -> None:
    """With what applies it again."""
    look.settings = settings(**with_chart({}, directory))
    assert "add-on db: expected the Deployment db/db-server" in look.printed()


def test_without_the_provider_its_installation_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make images` runs where no update ever ran."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    with pytest.raises(helm.HelmError, match=r"pulumi plugin install resource kubernetes 4\.\d+\.\d+$"):
        helm._program()


def test_a_provider_that_does_not_start_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in PATH comes first, as for the engine."""
    (tmp_path / helm.PROGRAM).write_text("#!/bin/sh\necho 'no such library' >&2\n")
    (tmp_path / helm.PROGRAM).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(helm.HelmError, match="does not start; it says no such library"), helm._provider(tmp_path, ""):
        pass


def test_a_provider_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update does not wait without end."""
    (tmp_path / helm.PROGRAM).write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / helm.PROGRAM).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(helm, "LIMIT_SECONDS", 1)
    with pytest.raises(helm.HelmError, match="does not start"), helm._provider(tmp_path, ""):
        pass


def test_a_provider_that_ends_before_it_answers_is_said_to_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that the kernel killed for want of memory."""
    (tmp_path / helm.PROGRAM).write_text("#!/bin/sh\necho 1\nexec sleep 60\n")
    (tmp_path / helm.PROGRAM).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(helm.HelmError, match="that ended"), helm._provider(tmp_path, ""):
        pass
